import Conversion
import Foundation
import Quantization
import TestSupport
import Tokenizers

/// The files that the examples in the libraries' documentation name.
struct ExampleFolder {
  private let folder: TemporaryFolder

  init() async throws {
    folder = try TemporaryFolder()
    let formats = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Formats")
    for (source, name) in [
      (TinyLlama.path, "Llama-3.2-1B"), (TinyLlama.file("model-00001-of-00002.safetensors"), "model.safetensors"),
      (formats.appendingPathComponent("TorchPickle/Fixtures/valid/module.bin").path, "pytorch_model.bin"),
    ] {
      try FileManager.default.copyItem(atPath: source, toPath: folder.file(name))
    }
    try folder.write(try Data(contentsOf: URL(fileURLWithPath: TinyLlama.heldOutText)).prefix(8000), to: "heldout.txt")
    let model = try Checkpoint(path: folder.file("Llama-3.2-1B"))
    let recipe = Recipe(.everyMatrix(TargetType(codec: Q8_0())))
    try await Plan(converting: model, to: Destination(path: folder.file("llama-q8_0.gguf")), recipe: recipe).pour()
  }

  /// The path of a file that an example names.
  func callAsFunction(_ name: String) -> String { folder.file(name) }
}
