import Quantization
import TestSupport
import Testing

@Suite struct BlockwiseTests {
  @Test func firstElementIsInTheHighHalf() throws {
    let bytes = try BlockwiseCodec(.int4).encoded([7, -7, 0, 3, 1])
    #expect(bytes.prefix(3) == [0xF1, 0x8B, 0x98])
    #expect(try BlockwiseCodec(.nf4).encoded([1, -1, 0]).prefix(2) == [0xF0, 0x77])
  }

  @Test func integersRoundHalfToEven() throws {
    let values: [Float] = [7, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.4]
    let codec = BlockwiseCodec(.int4)
    #expect(
      codec.decoded(try codec.encoded(values), elements: 8).map { ($0 * 1e4).rounded() / 1e4 }
        == [7, 0, 2, 2, 0, -2, -2, 3])
    let bytes = try BlockwiseCodec(.int8).encoded([127, -127, 0.5, 1.5, -126.5])
    #expect(bytes.prefix(5) == [255, 1, 128, 130, 2])
  }

  @Test func zeroCodes() {
    #expect(BlockwiseCode.all.map(\.zeroCode) == [7, 0, 128, 8])
    for code in BlockwiseCode.all { #expect(code.values[code.zeroCode] == 0) }
  }

  @Test func integerTablesAreWhatTheyMean() {
    #expect(BlockwiseCode.int4.values == (0..<16).map { Float($0 - 8) / 7 })
    #expect(BlockwiseCode.int8.values == (0..<256).map { Float($0 - 128) / 127 })
  }

  @Test func doubleQuantizationOfRunsIsThatOfTheWhole() {
    var random = SeededGenerator(seed: 11)
    let absmax = random.normals(1000).map { $0.magnitude + 0.01 }
    let offset = DoubleQuantization.offset(of: absmax.span)
    let whole = doubleQuantized(absmax, offset: offset)
    let runs = [
      doubleQuantized(Array(absmax[..<512]), offset: offset), doubleQuantized(Array(absmax[512...]), offset: offset),
    ]
    #expect(whole.codes == runs[0].codes + runs[1].codes)
    #expect(whole.nestedAbsmax == runs[0].nestedAbsmax + runs[1].nestedAbsmax)
    var restored = absmax
    var span = restored.mutableSpan
    DoubleQuantization.decode(whole.codes.span, nestedAbsmax: whole.nestedAbsmax.span, offset: offset, into: &span)
    for (index, value) in restored.enumerated() {
      #expect((value - absmax[index]).magnitude <= 0.008 * whole.nestedAbsmax[index / 256])
    }
  }

  @Test func doubleQuantizationOfEqualScales() {
    let equal = doubleQuantized([Float](repeating: 0.25, count: 300), offset: 0.25)
    #expect(equal.codes == [UInt8](repeating: 0, count: 300))
    #expect(equal.nestedAbsmax == [0, 0])
    #expect(doubleQuantized([], offset: 0).codes.isEmpty)
    #expect(DoubleQuantization.offset(of: [Float]().span) == 0)
  }
}
