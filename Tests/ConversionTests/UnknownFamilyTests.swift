import Architectures
import Bytes
import GGUF
import Inference
import JSON
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Models of a family that nobody here knows: they open, and stay in their container. What has to know the model is
/// refused.
@Suite struct UnknownFamilyTests {
  /// A tiny Llama that says to be another model, so that the same jobs with a Llama tell what is to come out.
  private static let unknown = TinyCheckpoint {
    $0.settings = ["architectures": ["RwkvForCausalLM"], "model_type": "rwkv"]
  }

  /// The same as a GGUF.
  private func writeGGUF(
    _ bench: Workbench, to name: String = "unknown.gguf", blockCount: MetadataValue? = .uint32(3)
  ) async throws -> String {
    let folder = try bench.write(TinyCheckpoint { $0.layers = 3 }, as: "llama of " + name)
    let llama = try await bench.convert(folder, to: "llama of " + name + ".gguf")
    var recipe = Recipe(.keep)
    recipe.metadata = [MetadataOverride(key: "general.architecture", value: .string("rwkv9"))]
    if let blockCount { recipe.metadata.append(MetadataOverride(key: "rwkv9.block_count", value: blockCount)) }
    let destination = Destination(path: bench.path(name), recordsProvenance: false)
    try await Plan(converting: try Checkpoint(path: llama), to: destination, recipe: recipe).pour(workers: 2)
    return destination.path
  }

  private func expectNothing(_ name: String, of bench: Workbench) throws {
    #expect(try bench.folder.names().filter { $0.hasPrefix(name) || $0.hasPrefix(".") }.isEmpty)
  }

  // MARK: - Folders

  @Test func aFolderOpensAndSaysSo() throws {
    let bench = try Workbench()
    let path = try bench.write(Self.unknown)
    let checkpoint = try Checkpoint(path: path)
    #expect(checkpoint.model == nil)
    #expect(checkpoint.tensors.map(\.name) == checkpoint.weights.map(\.name))
    #expect(checkpoint.notes.count == 1)
    #expect(checkpoint.notes.first?.cause.contains("RwkvForCausalLM is not a class of models that is known") == true)
    let error = #expect(throws: FileError.self) { try checkpoint.requireModel() }
    #expect(error?.code == .unsupported && error?.path == path + "/config.json" && error?.subject == "architectures")
    #expect(error?.remedies == [.seeFamilies])
    #expect(throws: Never.self) { try checkpoint.checkTensors() }
    #expect(throws: FileError.self) { try checkpoint.ggufNames() }
    let inspection = try Inspection(path: path)
    #expect(inspection.obstacle == nil && inspection.checkpoint != nil)
  }

  @Test(arguments: [JSONValue.null, "RwkvForCausalLM", ["RwkvForCausalLM", "EvilModel"], 7])
  func classesThatAreNoneOpenToo(_ architectures: JSONValue) throws {
    let bench = try Workbench()
    let path = try bench.write(
      TinyCheckpoint { $0.settings = ["architectures": architectures, "model_type": "rwkv"] })
    let checkpoint = try Checkpoint(path: path)
    #expect(checkpoint.model == nil && checkpoint.notes.count == 1)
    let error = #expect(throws: FileError.self) { try checkpoint.requireModel() }
    #expect(error?.subject == "architectures")
  }

  /// What is computed of the weights does not depend on the family, and settings stay.
  @Test(arguments: ["nf4", "fp4", "int8", "f16", "f32"])
  func aFolderBecomesAFolderOfAnotherType(_ type: String) async throws {
    let bench = try Workbench()
    let rule: Recipe.Rule =
      type.hasPrefix("f") && type != "fp4" ? .elements(try TargetType.quantizing(type)) : try .quantizing(type)
    let input = try bench.write(Self.unknown, as: "unknown")
    let output = try await bench.convert(input, to: "out", Recipe(rule))
    let expected = try await bench.convert(try bench.write(TinyCheckpoint(), as: "llama"), to: "expected", Recipe(rule))
    let (found, wanted) = (try Workbench.tensors(at: output), try Workbench.tensors(at: expected))
    #expect(found.mapValues(\.bytes) == wanted.mapValues(\.bytes))
    #expect(found.mapValues(\.type) == wanted.mapValues(\.type))
    let config = try #require(try JSONValue(parsing: Workbench.bytes(output + "/config.json")).object)
    let original = try #require(Self.unknown.config.object)
    for (key, value) in original where key != "torch_dtype" { #expect(config[key] == value, "\(key)") }
    let others = Set(config.keys).subtracting(original.keys)
    #expect(others == (rule.isOfElements ? [] : ["quantization_config"]))
    #expect(try Checkpoint(path: output).model == nil)
  }

  /// Names that no family has are nothing to be corrected.
  @Test func namesStayAsTheyAre() async throws {
    let bench = try Workbench()
    let path = try bench.write(Self.unknown) { tensors in
      tensors = tensors.map {
        RawTensor("module.rwkv." + $0.name, type: $0.type, shape: $0.shape, bytes: $0.bytes)
      }
    }
    let before = try Workbench.tensors(at: path)
    let copy = try await bench.convert(path, to: "copy", maximumFileBytes: 60_000)
    #expect(try Workbench.tensors(at: copy).mapValues(\.bytes) == before.mapValues(\.bytes))
    #expect(try FileSystem.names(inFolder: copy).filter { $0.hasSuffix(".safetensors") }.count > 1)
    let quantized = try Workbench.tensors(at: try await bench.convert(path, to: "nf4", Recipe(try .quantizing("nf4"))))
    #expect(Set(before.keys).isSubset(of: quantized.keys))
    #expect(quantized["module.rwkv.model.layers.0.self_attn.q_proj.weight"]?.type == "U8")
    // And back to plain weights.
    let plain = try await bench.convert(
      bench.path("nf4"), to: "plain", Recipe(.elements(try TargetType.quantizing("bf16"))))
    #expect(try Workbench.tensors(at: plain).mapValues(\.shape) == before.mapValues(\.shape))
  }

  @Test func anAdapterIsMerged() async throws {
    let bench = try Workbench()
    try TinyAdapter().write(to: bench.path("adapter"))
    let adapter = try Adapter(path: bench.path("adapter"))
    let unknown = try Checkpoint(path: try bench.write(Self.unknown, as: "unknown")).adding(adapter)
    let llama = try Checkpoint(path: try bench.write(TinyCheckpoint(), as: "llama")).adding(adapter)
    let found = try Workbench.tensors(at: try await bench.convert(unknown, to: "merged"))
    #expect(
      try found.mapValues(\.bytes)
        == Workbench.tensors(at: try await bench.convert(llama, to: "expected")).mapValues(\.bytes))
    let before = try Workbench.tensors(at: bench.path("unknown"))
    #expect(before.keys.filter { before[$0]?.bytes != found[$0]?.bytes } == ["model.layers.0.mlp.up_proj.weight"])
  }

  @Test func noGGUFIsMadeOfAFolder() async throws {
    let bench = try Workbench()
    let path = try bench.write(Self.unknown)
    for recipe in [Recipe(.keep), Recipe(try .quantizing("q8_0"))] {
      let error = await #expect(throws: FileError.self) { try await bench.convert(path, to: "out.gguf", recipe) }
      #expect(error?.code == .unsupported)
      #expect(error?.path == path + "/config.json" && error?.subject == "architectures")
      #expect(error?.message.contains("RwkvForCausalLM") == true)
    }
    try expectNothing("out", of: bench)
  }

  @Test func aFolderIsNotRun() throws {
    let bench = try Workbench()
    let checkpoint = try Checkpoint(path: try bench.write(Self.unknown))
    let error = #expect(throws: FileError.self) { try LoadedModel(running: checkpoint) }
    #expect(error?.subject == "architectures")
  }

  // MARK: - GGUF

  @Test func aGGUFOpensAndSaysSo() async throws {
    let bench = try Workbench()
    let path = try await writeGGUF(bench)
    let checkpoint = try Checkpoint(path: path)
    #expect(checkpoint.model == nil)
    #expect(checkpoint.tensors.map(\.name) == checkpoint.weights.map(\.name))
    #expect(checkpoint.notes.count == 1)
    #expect(checkpoint.notes.first?.cause.contains("\"rwkv9\" is not an architecture that is known") == true)
    let errors = [
      #expect(throws: FileError.self) { _ = try checkpoint.requireModel() },
      #expect(throws: FileError.self) { _ = try checkpoint.ggufNames() },
      #expect(throws: FileError.self) { _ = try LoadedModel(running: checkpoint) },
    ]
    for error in errors {
      #expect(error?.code == .unsupported && error?.path == path && error?.subject == "general.architecture")
      #expect(error?.remedies == [.seeFamilies])
    }
    let inspection = try Inspection(path: path)
    #expect(inspection.obstacle == nil && inspection.checkpoint != nil)
  }

  @Test(arguments: ["q8_0", "q4_0", "f16", "nf4"])
  func aGGUFBecomesAGGUFOfAnotherType(_ type: String) async throws {
    let bench = try Workbench()
    let rule: Recipe.Rule = type == "f16" ? .elements(try TargetType.quantizing(type)) : try .quantizing(type)
    let unknown = try await writeGGUF(bench)
    let output = try await bench.convert(unknown, to: "out.gguf", Recipe(rule))
    let expected = try await bench.convert(bench.path("llama of unknown.gguf.gguf"), to: "expected.gguf", Recipe(rule))
    let (found, wanted) = (try Workbench.ggufTensors(at: output), try Workbench.ggufTensors(at: expected))
    #expect(found.mapValues(\.bytes) == wanted.mapValues(\.bytes))
    #expect(found.mapValues(\.type) == wanted.mapValues(\.type))
    // All that was said stays said.
    let (before, after) = (try GGUFSource(path: unknown).metadata, try GGUFSource(path: output).metadata)
    #expect(after["general.architecture"] == .string("rwkv9"))
    for entry in before.entries
    where !["general.file_type", "general.quantization_version"].contains(entry.key) && !entry.key.hasPrefix("decant.")
    {
      #expect(after[entry.key] == entry.value, "\(entry.key)")
    }
  }

  @Test func aMixIsChosen() async throws {
    let bench = try Workbench()
    let output = try await bench.convert(
      try await writeGGUF(bench), to: "out.gguf", Recipe(.mix(try #require(NamedMix.named("q4_0")))))
    let tensors = try Workbench.ggufTensors(at: output)
    #expect(tensors["blk.2.attn_q.weight"]?.type == "q4_0")
    #expect(tensors["output.weight"]?.type == "q6_k" || tensors["output.weight"]?.type == "q8_0")
    #expect(tensors["blk.2.attn_norm.weight"]?.type == "f32")
  }

  @Test func noFolderIsMadeOfAGGUF() async throws {
    let bench = try Workbench()
    let path = try await writeGGUF(bench)
    for (output, recipe) in [
      ("out", Recipe(.keep)), ("out", Recipe(try .quantizing("nf4"))), ("out.safetensors", Recipe(.keep)),
    ] {
      let error = await #expect(throws: FileError.self) { try await bench.convert(path, to: output, recipe) }
      #expect(error?.code == .unsupported && error?.path == path && error?.subject == "general.architecture")
      #expect(error?.message.contains("rwkv9") == true)
    }
    try expectNothing("out", of: bench)
  }

  // MARK: - Layers

  /// The metadata tell how many there are, whatever the architecture.
  @Test func layersAreLeftOut() async throws {
    let bench = try Workbench()
    let path = try await writeGGUF(bench)
    var recipe = Recipe(.keep)
    recipe.prunedLayers = [1]
    let output = try await bench.convert(path, to: "out.gguf", recipe)
    let (before, after) = (try Workbench.ggufTensors(at: path), try Workbench.ggufTensors(at: output))
    var expected: [String: [UInt8]] = [:]
    for (name, tensor) in before where !name.hasPrefix("blk.1.") {
      expected[name.replacing("blk.2.", with: "blk.1.")] = tensor.bytes
    }
    #expect(after.mapValues(\.bytes) == expected)
    #expect(try GGUFSource(path: output).metadata["rwkv9.block_count"] == .uint32(2))
    for (layers, reason) in [([3], "no layer 3"), ([0, 1, 2], "no layer would be left")] as [(Set<Int>, String)] {
      recipe.prunedLayers = layers
      let error = await #expect(throws: FileError.self) { try await bench.convert(path, to: "other.gguf", recipe) }
      #expect(error?.message.contains(reason) == true)
    }
  }

  @Test(
    arguments: [
      nil, .int32(-1), .uint32(0), .uint64(1 << 62), .uint64(.max), .uint32(10_001), .string("3"), .float32(3),
    ] as [MetadataValue?])
  func layersThatAreNotToldAreNotLeftOut(_ blockCount: MetadataValue?) async throws {
    let bench = try Workbench()
    let path = try await writeGGUF(bench, blockCount: blockCount)
    #expect(throws: Never.self) { try Checkpoint(path: path) }
    var recipe = Recipe(.keep)
    recipe.prunedLayers = [1]
    let error = await #expect(throws: FileError.self) { try await bench.convert(path, to: "out.gguf", recipe) }
    #expect(error?.code == (blockCount == nil ? .missing : .malformed))
    #expect(error?.path == path && error?.subject == "rwkv9.block_count")
    try expectNothing("out", of: bench)
  }
}

extension Recipe.Rule {
  fileprivate var isOfElements: Bool { if case .elements = self { true } else { false } }
}
