import Quantization
import TestSupport
import Testing

@Suite struct SquareSumTests {
  /// The nearest Float by its 24 bits, ties to even.
  private static func slow(_ units: Int128) -> Float {
    let width = 128 - units.leadingZeroBitCount
    guard width > 24 else { return Float(Int(units)) * 0x1p-72 }
    let shift = width - 24
    var significand = units >> shift
    let rest = units - significand << shift
    let half = Int128(1) << (shift - 1)
    if rest > half || (rest == half && significand & 1 == 1) { significand += 1 }
    return Float(sign: .plus, exponent: shift - 72, significand: Float(Int(significand)))
  }

  @Test("A sum is rounded once, ties to even")
  func rounding() throws {
    var generator = SeededGenerator()
    for _ in 0..<20_000 {
      let width = Int.random(in: 0...127, using: &generator)
      var units = width == 0 ? 0 : Int128.random(in: 0...Int128.max, using: &generator) >> (127 - width)
      // Halves, and what lies just beside them, where rounding twice goes wrong.
      if width > 60, Bool.random(using: &generator) {
        units =
          ((units >> (width - 24)) << (width - 24)) + (Int128(1) << (width - 25))
          + Int128.random(in: -1...1, using: &generator)
      }
      guard units >= 0 else { continue }
      let sum = try #require(SquareSum(units))
      #expect(sum.rounded == Self.slow(units), "seed \(generator.seed): \(units)")
    }
    #expect(try #require(SquareSum(.max)).rounded == 0x1p55)
    #expect(try #require(SquareSum(1)).rounded == 0x1p-72)
    // Through a Double the middle bit would be lost first.
    let units = Int128(1) << 100 | Int128(1) << 76 | 1
    #expect(try #require(SquareSum(units)).rounded == (0x1p24 + 2) * 0x1p4)
  }

  @Test("Sums are added up to 127 bits, and none is negative")
  func adding() throws {
    let most = try #require(SquareSum(.max))
    #expect(most.adding(SquareSum.zero) == most)
    #expect(try most.adding(#require(SquareSum(1))) == nil)
    #expect(SquareSum(-1) == nil)
  }
}
