internal import Bytes
internal import Quantization

/// Encodes with the codec of a type, which needs to know nothing of the weight.
struct PlainEncoder: TensorEncoder, SlabEncoder {
  let type: TargetType

  func prepared(for shape: [Int]) -> any SlabEncoder { self }

  func encode(_ values: Span<Float>, from first: Int, into bytes: inout MutableRawSpan) throws(CodecError) {
    try type.codec.encode(values, into: &bytes)
  }
}
