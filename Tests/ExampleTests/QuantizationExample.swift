import Quantization
import Testing

@Suite struct QuantizationExample {
  @Test func example() throws {
    let codec = Q8_0()
    let values = (0..<64).map { Float($0) / 64 }
    var bytes = [UInt8](repeating: 0, count: codec.byteCount(elements: values.count))
    var stored = bytes.mutableSpan
    var room = stored.mutableBytes
    try codec.encode(values.span, into: &room)

    var decoded = [Float](repeating: 0, count: values.count)
    var places = decoded.mutableSpan
    codec.decode(bytes.span.bytes, into: &places)
    print(bytes.count, zip(values, decoded).map { abs($0 - $1) }.max() ?? 0)
    #expect(bytes.count == 68)
    #expect(zip(values, decoded).allSatisfy { abs($0 - $1) < 0.005 })
  }
}
