internal import BenchmarkSupport
internal import Bytes
internal import GGUF
internal import Safetensors
internal import Tensors

/// A file with a large header; its data is a hole.
final class HeaderFile: Sendable {
  let path: String
  /// Length of the header alone.
  let byteCount: Int
  private let folder: TemporaryFolder

  private init(_ file: PlannedFile) throws {
    folder = try TemporaryFolder()
    path = try folder.write(file)
    byteCount = file.header.count
  }

  /// Tokens, scores, types and as many merges, as a large model has them.
  static func gguf(vocabulary: Int) throws -> HeaderFile {
    var metadata = GGUFMetadata()
    metadata["general.architecture"] = .string("llama")
    metadata["tokenizer.ggml.model"] = .string("gpt2")
    metadata["tokenizer.ggml.tokens"] = .strings((0..<vocabulary).map { "Ġtoken\($0)" })
    metadata["tokenizer.ggml.scores"] = .float32s((0..<vocabulary).map { -Float($0) })
    metadata["tokenizer.ggml.token_type"] = .int32s(Array(repeating: 1, count: vocabulary))
    metadata["tokenizer.ggml.merges"] = .strings((0..<vocabulary).map { "Ġtok en\($0)" })
    let files = try GGUFWriter.plan(metadata: metadata, tensors: try tensors(count: 300), name: "model.gguf")
    return try HeaderFile(files[0])
  }

  static func safetensors(tensors count: Int) throws -> HeaderFile {
    try HeaderFile(try SafetensorsWriter.plan(tensors: try tensors(count: count), metadata: ["format": "pt"]).files[0])
  }

  private static func tensors(count: Int) throws -> [TensorDescriptor] {
    try (0..<count).map { number in
      try TensorDescriptor(
        name: "model.layers.\(number / 10).mlp.experts.\(number % 10).weight", encoding: .bf16, shape: [16, 16])
    }
  }
}
