import Architectures
import Bytes
import Conversion
import Tensors
import TestSupport
import Testing

/// Real models quantized by ggml's own code: ours have the same bytes.
@Suite(.enabled(if: SharedData.isThere, Comment(rawValue: SharedData.absence)))
struct ReferenceFilesTests {
  @Test(arguments: ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"])
  func tensorsAreGGMLs(_ type: String) async throws {
    let bench = try Workbench()
    let output = try await bench.convert(
      SharedData.path("models/stories3M/hf-f32"), to: "m.gguf", Recipe(try .quantizing(type.lowercased())))
    let ours = try Workbench.ggufTensors(at: output)
    let theirs = try Workbench.ggufTensors(
      at: SharedData.path("reference-quants/stories3M/stories3M-k256.\(type).gguf"))
    #expect(ours.keys.sorted() == theirs.keys.sorted())
    for (name, tensor) in theirs {
      #expect(ours[name]?.type == tensor.type, "\(name)")
      #expect(ours[name]?.shape == tensor.shape, "\(name)")
      #expect(ours[name]?.bytes == tensor.bytes, "\(name)")
    }
  }
}
