internal import Bytes
internal import Quantization

/// Stores F32 as it is, whatever it is: NaN and infinities stay.
struct NonFiniteEncoder: TensorEncoder, SlabEncoder {
  let type = TargetType(codec: Float32Codec())

  var codec: any Codec { Float32Codec() }

  var keepsNonFinite: Bool { true }

  func prepared(for shape: [Int]) -> any SlabEncoder { self }

  func encode(_ values: Span<Float>, from first: Int, into bytes: inout MutableRawSpan) throws(SlabFailure) {
    bytes.copy(values, at: 0)
  }
}
