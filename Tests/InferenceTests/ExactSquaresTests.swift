@_spi(Benchmarks) import Quantization
import TestSupport
import Testing

@_spi(Benchmarks) @testable import Inference

/// Squares are added as whole units: of every instruction set, and in every order, as a slow addition does it.
@Suite struct ExactSquaresTests {
  /// A square in units of 2^-72, to nearest, ties to even. A Double holds the square of a Float as it is.
  static func units(_ value: Float) -> Int128 {
    let square = Double(value) * Double(value)
    return Int128((square * SquareSum.scale).rounded(.toNearestOrEven))
  }

  private static func matrix(_ rows: Int, _ columns: Int, _ value: (Int) -> Float) -> Matrix {
    let matrix = Matrix(rows: rows, columns: columns)
    matrix.withMutableRows(0..<rows) { values in for index in values.indices { values[index] = value(index) } }
    return matrix
  }

  /// Values of all sizes: a few columns are common, others tiny, others beyond what is added in vectors.
  private static func value(_ generator: inout SeededGenerator, greatest: Int) -> Float {
    switch Int.random(in: 0..<20, using: &generator) {
    case 0: 0
    case 1: Float.random(in: -0x1p-34...0x1p-34, using: &generator)
    case 2: .leastNonzeroMagnitude
    // Close to halves of a unit.
    case 3:
      Float(0x1p-36) * Float(Double(Int.random(in: 0..<2000, using: &generator)).squareRoot() * 0.7071067811865476)
    case 4: Float(sign: .minus, exponent: Int.random(in: -60..<greatest, using: &generator), significand: 1.5)
    default: Float.random(in: -30...30, using: &generator)
    }
  }

  @Test("Sums are those of integers, whatever the values", arguments: KernelSet.all)
  func sums(kernels: KernelSet) {
    var generator = SeededGenerator()
    for (rows, columns, greatest) in [(1, 1, 10), (3, 257, 10), (70, 90, 27), (2100, 5, 14), (2100, 33, 20)] {
      var values: [Float] = []
      for _ in 0..<rows * columns { values.append(Self.value(&generator, greatest: greatest)) }
      let wide = Self.matrix(rows, columns + 3) { index in
        index % (columns + 3) < columns ? values[index / (columns + 3) * columns + index % (columns + 3)] : .nan
      }
      let start = SquareSum(Int128(1) << 70) ?? .zero
      var sums = [SquareSum](repeating: start, count: columns)
      let fits = kernels.addSquaresExactly(of: wide.part(columns: 0..<columns), to: &sums)
      var expected = [Int128](repeating: Int128(1) << 70, count: columns)
      for (index, value) in values.enumerated() { expected[index % columns] += Self.units(value) }
      #expect(fits && sums.map(\.units) == expected, "seed \(generator.seed), \(rows) rows of \(columns)")
    }
  }

  @Test("Squares go to the nearest unit", arguments: KernelSet.all)
  func nearest(kernels: KernelSet) {
    // Of a quarter to two and a quarter units; those between lie closest to a half, on either side. No square is one.
    for (value, units) in [
      (0x1p-37, 0), (0x1p-36, 1), (0x1.8p-36, 2), (0x1.6a09e4p-37, 0), (0x1.6a09e8p-37, 1), (0x1p-21, 1 << 30),
    ] as [(Float, Int128)] {
      var sums = [SquareSum.zero]
      #expect(kernels.addSquaresExactly(of: Self.matrix(1, 1) { _ in value }.part(), to: &sums))
      #expect(sums[0].units == units && Self.units(value) == units, "\(value)")
    }
  }

  @Test("What is no number, or too large, is told", arguments: KernelSet.all)
  func refused(kernels: KernelSet) {
    for value in [Float.nan, -.infinity, .infinity, .greatestFiniteMagnitude, 0x1p28] {
      var sums = [SquareSum](repeating: .zero, count: 40)
      let values = Self.matrix(9, 40) { $0 == 133 ? value : 1 }
      #expect(!kernels.addSquaresExactly(of: values.part(), to: &sums), "\(value)")
    }
    // 127 bits are full.
    var sums = [SquareSum](repeating: .zero, count: 3)
    let large = Self.matrix(1, 3) { _ in 0x1.fffffep27 / 2 }
    for _ in 0..<2 { #expect(kernels.addSquaresExactly(of: large.part(), to: &sums)) }
    #expect(!kernels.addSquaresExactly(of: large.part(), to: &sums))
  }
}
