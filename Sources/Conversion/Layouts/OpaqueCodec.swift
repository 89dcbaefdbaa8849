internal import Bytes
internal import Quantization
internal import Tensors

/// Stands for an encoding that there is no codec for yet: its tensors can be listed and copied, and nothing else.
/// `EncodedTensor` refuses to decode them before it comes to this.
struct OpaqueCodec: Codec {
  let encoding: Encoding

  var name: String { encoding.name }
  var elementsPerBlock: Int { encoding.elementsPerBlock }
  var planeCount: Int { 1 }
  var canEncode: Bool { false }

  func byteCount(plane: Int, elements: Int) -> Int {
    elements.dividedRoundingUp(by: encoding.elementsPerBlock) * encoding.bytesPerBlock
  }

  func encode(_ values: Span<Float>, into bytes: inout MutableRawSpan) throws(CodecError) {
    preconditionFailure("\(name) has no codec")
  }

  func decode(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    preconditionFailure("\(name) has no codec")
  }
}
