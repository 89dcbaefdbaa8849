import Safetensors
import Tensors
import Testing

@Suite struct TensorsExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let weights: any TensorSource = try SafetensorsFolder(path: made("Llama-3.2-1B"))
    for tensor in weights.tensors where tensor.shape.count == 2 {
      print(tensor.name, tensor.encoding, tensor.rows, tensor.columns, tensor.byteCount)
    }
    let norm = try weights.bytes(of: "model.norm.weight")
    #expect(norm.count == 512)
  }
}
