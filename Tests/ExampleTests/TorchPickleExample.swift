import Tensors
import Testing
import TorchPickle

@Suite struct TorchPickleExample {
  @Test func example() async throws {
    let made = try await ExampleFolder()
    let checkpoint = try TorchPickleFile(path: made("pytorch_model.bin"))
    for tensor in checkpoint.tensors { print(tensor.name, tensor.encoding, tensor.shape) }
    for remark in checkpoint.remarks { print(remark) }
    #expect(!checkpoint.tensors.isEmpty)
  }
}
