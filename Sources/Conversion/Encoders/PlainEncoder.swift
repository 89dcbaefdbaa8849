internal import Bytes
internal import Quantization

/// Encodes with the codec of a type, which needs to know nothing of the weight.
struct PlainEncoder: TensorEncoder, SlabEncoder {
  let type: TargetType
  let codec: any Codec

  init(_ codec: any Codec, type: TargetType? = nil) {
    self.codec = codec
    self.type = type ?? TargetType(codec: codec)
  }

  func prepared(for shape: [Int]) -> any SlabEncoder { self }

  func encode(_ values: Span<Float>, from first: Int, into bytes: inout MutableRawSpan) throws(SlabFailure) {
    do throws(CodecError) { try codec.encode(values, into: &bytes) } catch { throw .codec(error) }
  }
}
