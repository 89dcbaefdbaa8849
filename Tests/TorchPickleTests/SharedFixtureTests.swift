import Tensors
import TestSupport
import Testing
import TorchPickle

/// Files that other projects ship, and what torch makes of them.
@Suite(.enabled(if: SharedData.isThere, "\(SharedData.absence)"))
struct SharedFixtureTests {
  private func file(_ name: String) throws -> TorchPickleFile {
    try TorchPickleFile(path: SharedData.path("hostile/torch-pickle-fixtures/" + name))
  }

  private func numbers(_ bytes: [UInt8]) -> [Int] {
    stride(from: 0, to: bytes.count, by: 8).map { start in
      bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
  }

  @Test(arguments: [
    ("candle-fortran_tensor_3d.pth", "tensor_fortran", [2, 3, 4]), ("candle-test.pt", "test", [2, 4]),
    ("candle-test_with_key.pt", "test", [2, 4]),
  ])
  func numbersThatCountUp(_ name: String, _ tensor: String, _ shape: [Int]) throws {
    let file = try file(name)
    #expect(file.tensors == [try TensorDescriptor(name: tensor, encoding: .i64, shape: shape)])
    #expect(numbers(try file.bytes(of: tensor)) == Array(1...shape.reduce(1, *)))
  }

  @Test func storagesOfAnotherDevice() throws {
    let file = try file("ggml-mnist_model.state_dict.pt")
    #expect(Set(file.tensors.map(\.name)) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"])
    #expect(file.descriptor(of: "fc1.weight")?.shape == [500, 784])
    #expect(
      SHA256.hexadecimal(of: try file.bytes(of: "fc2.bias"))
        == "7008c6ec8a5f83c0757ccaf66629e235173b40f8da5c1f7a9183ba52ee0a5115")
    #expect(
      SHA256.hexadecimal(of: try file.bytes(of: "fc1.weight"))
        == "7ef05e71ca1c134bc2e90237e16dba785bfafcb06cdbb20f0b206951693ffe89")
  }
}
