import Architectures
import Bytes
import Conversion
import Tensors
import TestSupport
import Testing

/// ggml's types: what gets them, and what does not fit.
@Suite struct GGMLOutputTests {
  @Test(arguments: ["q4_0", "q4_1", "q5_0", "q5_1", "q8_0"])
  func everyMatrixGetsTheType(_ type: String) async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint { $0.inner = 192 })
    let output = try await bench.convert(original, to: "m.gguf", Recipe(try .quantizing(type)))
    for (name, tensor) in try Workbench.ggufTensors(at: output) {
      #expect(tensor.type == (tensor.shape.count == 2 ? type : "f32"), "\(name)")
    }
    let (before, after) = (try Checkpoint(path: original), try Checkpoint(path: output))
    for tensor in before.tensors {
      let one = try #require(try before.tensor(named: tensor.name)).values()
      let other = try #require(try after.tensor(named: tensor.name)).values()
      let step = (one.map(abs).max() ?? 0) * (type == "q8_0" ? 0.005 : type.hasPrefix("q5") ? 0.07 : 0.14)
      #expect(zip(one, other).allSatisfy { abs($0 - $1) <= step }, "\(tensor.name)")
    }
  }

  @Test func rowsThatNoBlockFitsBecomeF16AndThePlanSaysWhy() async throws {
    let bench = try Workbench()
    let checkpoint = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    let plan = try Plan(
      converting: checkpoint, to: Destination(path: bench.path("m.gguf")), recipe: Recipe(try .quantizing("q8_0")))
    #expect(plan.substitutions.map(\.name) == ["blk.0.ffn_down.weight", "blk.1.ffn_down.weight"])
    #expect(plan.substitutions.allSatisfy { $0.targetType == "f16" && $0.substitution?.contains("172") == true })
    try await plan.pour()
    let stored = try Workbench.ggufTensors(at: bench.path("m.gguf"))
    #expect(stored["blk.0.ffn_down.weight"]?.type == "f16")
    #expect(stored["blk.0.ffn_up.weight"]?.type == "q8_0")
  }

  @Test func withoutFallbackSuchRowsAreRefused() throws {
    let bench = try Workbench()
    let checkpoint = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: checkpoint, to: Destination(path: bench.path("m.gguf")),
        recipe: Recipe(try .quantizing("q8_0"), refusesFallback: true))
    }
    #expect(error?.subject == "blk.0.ffn_down.weight")
    #expect(error?.message.contains("172") == true)
  }

  @Test func theFirstOverrideThatMatchesDecides() async throws {
    let bench = try Workbench()
    let overrides = try [("ffn_down", "f16"), ("ffn_", "q8_0"), ("ffn_up", "q4_0"), ("^token_embd", "f32")].map {
      try Recipe.Override(pattern: $0.0, type: TargetType.quantizing($0.1))
    }
    let output = try await bench.convert(
      try bench.write(TinyCheckpoint()), to: "m.gguf", Recipe(try .quantizing("q4_0"), overrides: overrides))
    let types = try Workbench.ggufTensors(at: output).mapValues(\.type)
    #expect(types["blk.1.ffn_down.weight"] == "f16")
    #expect(types["blk.1.ffn_up.weight"] == "q8_0", "not q4_0, which comes later")
    #expect(types["blk.1.attn_q.weight"] == "q4_0")
    #expect(types["token_embd.weight"] == "f32")
    #expect(types["blk.1.ffn_norm.weight"] == "f32", "vectors keep theirs")
  }

  @Test func anOverrideThatMatchesNothingIsMentioned() throws {
    let bench = try Workbench()
    let plan = try Plan(
      converting: try Checkpoint(path: try bench.write(TinyCheckpoint())),
      to: Destination(path: bench.path("m.gguf")),
      recipe: Recipe(
        try .quantizing("q8_0"), overrides: [try .init(pattern: "q_proj", type: TargetType.quantizing("f16"))])
    )
    #expect(plan.notes.contains { $0.cause.contains("q_proj") && $0.cause.contains("matches no tensor") })
  }

  @Test func typesThatAreOnlyDecodedAreRefused() throws {
    let bench = try Workbench()
    let checkpoint = try Checkpoint(path: try bench.write(TinyCheckpoint { $0.hidden = 256 }))
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: checkpoint, to: Destination(path: bench.path("m.gguf")), recipe: Recipe(try .quantizing("iq2_xxs")))
    }
    #expect(error?.code == .unsupported)
    #expect(error?.message.contains("iq2_xxs is decoded, and not yet encoded") == true)
  }

  @Test func safetensorsHasNoGGMLTypes() throws {
    let bench = try Workbench()
    let checkpoint = try Checkpoint(path: try bench.write(TinyCheckpoint { $0.inner = 192 }))
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: checkpoint, to: Destination(path: bench.path("out")), recipe: Recipe(try .quantizing("q8_0")))
    }
    #expect(error?.message.contains("GGUF") == true)
  }

  @Test func aQuantizedGGUFBecomesAFolderInTheTypeItWas() async throws {
    let bench = try Workbench()
    let gguf = try await bench.convert(
      try bench.write(TinyCheckpoint()), to: "m.gguf", Recipe(try .quantizing("q8_0")))
    let back = try Workbench.tensors(at: try await bench.convert(gguf, to: "back"))
    #expect(back["model.layers.0.mlp.up_proj.weight"]?.type == "BF16")
    #expect(back["model.norm.weight"]?.type == "BF16")
  }

  @Test(arguments: ["f32", "f16", "bf16"], ["out", "out.gguf"])
  func anElementTypeForAll(_ type: String, _ output: String) async throws {
    let bench = try Workbench()
    let path = try await bench.convert(
      try bench.write(TinyCheckpoint { ($0.type, $0.vectorType) = ("F32", "F32") }), to: output,
      Recipe(.elements(try TargetType.quantizing(type))))
    let isGGUF = output.hasSuffix(".gguf")
    let types = try (isGGUF ? Workbench.ggufTensors(at: path) : Workbench.tensors(at: path))
    for (name, tensor) in types {
      #expect(tensor.type.lowercased() == (isGGUF && tensor.shape.count == 1 ? "f32" : type), "\(name)")
    }
  }
}
