import Bytes
import Conversion
import TestSupport
import Testing

/// A tensor that is not zero never becomes zero without a word.
@Suite struct VanishingTests {
  private static let weight = "model.layers.0.mlp.up_proj.weight"

  /// A checkpoint in which one weight has one value everywhere, and another one at element 1000.
  private func model(_ bench: Workbench, of value: Float, but one: Float) throws -> String {
    try bench.write(TinyCheckpoint()) { tensors in
      for index in tensors.indices where tensors[index].name == Self.weight {
        let tensor = tensors[index]
        var values = [Float](repeating: value, count: tensor.values.count)
        values[1000] = one
        tensors[index] = RawTensor(tensor.name, type: tensor.type, shape: tensor.shape, values: values)
      }
    }
  }

  static let types = ["q8_0", "q4_0", "q5_1", "iq4_nl", "nvfp4"]

  @Test(arguments: types) func isRefusedAndNamed(_ type: String) async throws {
    let bench = try Workbench()
    let original = try model(bench, of: 0x1p-40, but: -0x1p-38)
    let error = await #expect(throws: FileError.self) {
      try await bench.convert(original, to: "m.gguf", Recipe(try .quantizing(type)))
    }
    #expect(error?.subject == "blk.0.ffn_up.weight")
    #expect(error?.message.contains("every value would become zero: the largest magnitude is 3.637979e-12") == true)
    #expect(try bench.folder.names() == ["model"], "nothing is left")
  }

  /// One value that stays is enough, whatever else is there, and zeros may be zeros.
  @Test(arguments: types, [(0, 0), (0x1p-40, 0.25), (0, -0.25)] as [(Float, Float)])
  func isTakenWhereAnythingStays(_ type: String, _ values: (Float, Float)) async throws {
    let bench = try Workbench()
    let original = try model(bench, of: values.0, but: values.1)
    await #expect(throws: Never.self) {
      try await bench.convert(original, to: "m.gguf", Recipe(try .quantizing(type)))
    }
  }

  /// Types whose scales reach that far take it.
  @Test(arguments: ["mxfp4", "bf16", "f32"]) func isTakenByTypesOfAWiderRange(_ type: String) async throws {
    let bench = try Workbench()
    let original = try model(bench, of: 0x1p-40, but: -0x1p-38)
    await #expect(throws: Never.self) {
      try await bench.convert(original, to: "m.gguf", Recipe(try .quantizing(type)))
    }
  }
}
