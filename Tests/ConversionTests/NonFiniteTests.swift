import Architectures
import Bytes
import Conversion
import Tensors
import TestSupport
import Testing

/// NaN and infinity: copied where bytes are copied, refused where something would be made of them.
@Suite struct NonFiniteTests {
  private static let weight = "model.layers.0.mlp.up_proj.weight"

  /// A checkpoint with a BF16 value of these bits at element 77 of a tensor.
  private func damaged(_ bench: Workbench, _ name: String = weight, bits: UInt16 = 0x7FC1) throws -> String {
    try bench.write(TinyCheckpoint()) { tensors in
      for index in tensors.indices where tensors[index].name == name {
        tensors[index].bytes[154] = UInt8(bits & 0xFF)
        tensors[index].bytes[155] = UInt8(bits >> 8)
      }
    }
  }

  @Test(arguments: [0x7FC1, 0xFFA5, 0x7F80, 0xFF80] as [UInt16])
  func copiesKeepEveryBit(_ bits: UInt16) async throws {
    let bench = try Workbench()
    let original = try damaged(bench, bits: bits)
    let copy = try await bench.convert(original, to: "copy")
    let gguf = try await bench.convert(original, to: "m.gguf")
    let back = try await bench.convert(gguf, to: "back")
    let expected = try Workbench.tensors(at: original).mapValues(\.bytes)
    #expect(try Workbench.tensors(at: copy).mapValues(\.bytes) == expected)
    #expect(try Workbench.tensors(at: back).mapValues(\.bytes) == expected)
  }

  @Test(arguments: ["nf4", "fp4", "int4", "int8", "q8_0", "q4_0"], [0x7FC0, 0x7F80, 0xFF80] as [UInt16])
  func quantizingRefusesAndNamesThePlace(_ type: String, _ bits: UInt16) async throws {
    let bench = try Workbench()
    let original = try damaged(bench, bits: bits)
    let output = type.hasPrefix("q") ? "out.gguf" : "out"
    let error = await #expect(throws: FileError.self) {
      try await bench.convert(original, to: output, Recipe(try .quantizing(type)))
    }
    #expect(error?.subject == Self.weight)
    #expect(error?.path == original, "the fault is in the input")
    #expect(error?.message.contains("element 77 (row 1, column 13)") == true)
    #expect(try bench.folder.names() == ["model"], "nothing is left")
  }

  /// Rows of q are in another order in a GGUF; the place is that in the file that was read.
  @Test func thePlaceIsThatInTheInput() async throws {
    let bench = try Workbench()
    let name = "model.layers.1.self_attn.q_proj.weight"
    let original = try damaged(bench, name)
    let error = await #expect(throws: FileError.self) {
      try await bench.convert(original, to: "m.gguf", Recipe(try .quantizing("q8_0")))
    }
    #expect(error?.subject == name)
    #expect(error?.message.contains("element 77 (row 1, column 13)") == true)
  }

  @Test(arguments: ["nf4", "q8_0"])
  func allowingThemKeepsTheTensorAsItWas(_ type: String) async throws {
    let bench = try Workbench()
    let original = try damaged(bench)
    let checkpoint = try Checkpoint(path: original)
    let output = type == "nf4" ? "out" : "out.gguf"
    let recipe = Recipe(try .quantizing(type))
    let kept = try NonFinite.outputsToKeep(
      of: checkpoint, for: Destination(path: bench.path(output)), recipe: recipe)
    let name = type == "nf4" ? Self.weight : "blk.0.ffn_up.weight"
    #expect(kept == [name])
    let path = try await bench.convert(checkpoint, to: output, recipe.keeping(kept))
    let stored = try type == "nf4" ? Workbench.tensors(at: path) : Workbench.ggufTensors(at: path)
    #expect(stored[name]?.bytes == (try Workbench.tensors(at: original)[Self.weight]?.bytes))
    #expect(stored[name]?.type.lowercased() == "bf16")
    let other = type == "nf4" ? "model.layers.0.mlp.gate_proj.weight.absmax" : "blk.0.ffn_gate.weight"
    #expect(stored[other] != nil && stored[other]?.type != "bf16", "the rest is quantized")
  }

  /// Norms are widened in a GGUF: the value is kept there, too.
  @Test func allowingThemInANorm() async throws {
    let bench = try Workbench()
    let name = "model.norm.weight"
    let original = try bench.write(TinyCheckpoint()) { tensors in
      for index in tensors.indices where tensors[index].name == name { tensors[index].bytes[0...1] = [0xC1, 0x7F] }
    }
    let error = await #expect(throws: FileError.self) { try await bench.convert(original, to: "a.gguf") }
    #expect(error?.subject == name)
    let checkpoint = try Checkpoint(path: original)
    let recipe = Recipe(try .quantizing("q8_0"))
    let kept = try NonFinite.outputsToKeep(of: checkpoint, for: Destination(path: bench.path("m.gguf")), recipe: recipe)
    #expect(kept == ["output_norm.weight"])
    let path = try await bench.convert(checkpoint, to: "m.gguf", recipe.keeping(kept))
    let norm = try #require(try Workbench.ggufTensors(at: path)["output_norm.weight"])
    #expect(norm.type == "f32")
    #expect(norm.bytes[0..<4] == [0, 0, 0xC1, 0x7F])
  }

  @Test(arguments: [("f16", Float(1e30)), ("f16", -70_000)])
  func valuesTooLargeForATypeAreRefused(_ type: String, _ value: Float) async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint { ($0.type, $0.vectorType) = ("F32", "F32") }) { tensors in
      tensors[0] = RawTensor(
        tensors[0].name, shape: tensors[0].shape, values: [0, value] + tensors[0].values.dropFirst(2))
    }
    let error = await #expect(throws: FileError.self) {
      try await bench.convert(original, to: "out", Recipe(.elements(try TargetType.quantizing(type))))
    }
    #expect(error?.subject == "model.embed_tokens.weight")
    #expect(error?.message.contains("element 1 ") == true)
  }
}
