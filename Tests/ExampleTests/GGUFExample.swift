import GGUF
import Tensors
import Testing

@Suite struct GGUFExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let file = try GGUFSource(path: made("llama-q8_0.gguf"))
    print(try file.metadata.string("general.architecture") ?? "?")
    for tensor in file.tensors { print(tensor.name, tensor.encoding, tensor.shape) }

    let files = try GGUFWriter.plan(
      metadata: file.metadata, tensors: file.tensors, name: "llama", maximumSplitBytes: 2_000_000)
    print(files.map(\.name))
    #expect(files.count > 1)
  }
}
