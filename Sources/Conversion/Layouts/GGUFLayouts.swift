internal import Bytes
internal import GGUF
internal import Quantization
internal import Tensors

/// The weights of a GGUF: one for each tensor of a GGML type, and blockwise ones of several companions.
enum GGUFLayouts {
  static func tensors(of source: any TensorSource, metadata: GGUFMetadata) throws(FileError) -> [EncodedTensor] {
    let blockwise = try BlockwiseLayout().weights(in: source)
    let weights = Dictionary(blockwise.map { ($0.name, $0.weight) }, uniquingKeysWith: { first, _ in first })
    let taken = Set(blockwise.flatMap(\.stored))
    let original = GGUFDescription.originalEncodings(in: metadata)
    var result: [EncodedTensor] = []
    for descriptor in source.tensors {
      if let weight = weights[descriptor.name] {
        result.append(weight)
      } else if !taken.contains(descriptor.name) {
        result.append(
          EncodedTensor(plain: descriptor, original: original(descriptor.name), in: source))
      }
    }
    return result
  }
}
