import Architectures
import Bytes
import Foundation
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Outputs of families whose layers are not all of the usual kind.
@Suite struct FamilyOutputsTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/Families").path

  /// A copy of a fixture, with changed tensors.
  private func copy(_ fixture: String, _ bench: Workbench, _ change: (inout [RawTensor]) -> Void = { _ in }) throws
    -> String
  {
    let path = bench.path("model")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: "\(Self.folder)/\(fixture)/config.json", toPath: path + "/config.json")
    var tensors = try Workbench.tensors(at: "\(Self.folder)/\(fixture)/model.safetensors").values
      .sorted { $0.name < $1.name }
    change(&tensors)
    try Data(try RawSafetensors.bytes(of: tensors)).write(to: URL(fileURLWithPath: path + "/model.safetensors"))
    return path
  }

  /// What is written computes what was read. (One without a head whose embedding would be it gets that head.)
  @Test(
    arguments: try FileManager.default.contentsOfDirectory(atPath: folder).sorted().filter { $0 != "LlamaModel-plain" })
  func aFolderOfEachOpensAgain(_ name: String) async throws {
    let bench = try Workbench()
    let path = "\(Self.folder)/\(name)"
    let output = try await bench.convert(path, to: "out", Recipe(.elements(try .quantizing("bf16"))))
    let (before, after) = (try Checkpoint(path: path).requireModel(), try Checkpoint(path: output).requireModel())
    #expect(after.arithmetic == before.arithmetic)
  }

  // MARK: - GGUF

  /// llama.cpp aborts on a bias of experts or a norm of each head in 16 bits.
  @Test(arguments: [
    ("GptOssForCausalLM-dense", "blk.0.ffn_gate_exps.bias"), ("GptOssForCausalLM-dense", "blk.0.ffn_down_exps.bias"),
    ("GptOssForCausalLM-mxfp4", "blk.0.ffn_up_exps.bias"), ("MixtralForCausalLM-plain", "blk.0.ffn_gate_inp.weight"),
    ("Qwen2MoeForCausalLM-plain", "blk.0.ffn_gate_inp_shexp.weight"),
  ])
  func matricesThatLlamaCppWantsInF32(_ fixture: String, _ name: String) async throws {
    let bench = try Workbench()
    for rule in [Recipe.Rule.keep, .elements(try .quantizing("bf16")), try .quantizing("q8_0")] {
      let output = try await bench.convert(
        "\(Self.folder)/\(fixture)", to: "out.gguf", Recipe(rule), replacing: true)
      #expect(try Workbench.ggufTensors(at: output)[name]?.type == "f32")
    }
  }

  /// And what was widened is what it was in a folder again.
  @Test func biasesOfExpertsComeBack() async throws {
    let bench = try Workbench()
    let path = "\(Self.folder)/GptOssForCausalLM-dense"
    let back = try await bench.convert(try await bench.convert(path, to: "out.gguf"), to: "back")
    let (before, after) = (
      try Workbench.tensors(at: path + "/model.safetensors"), try Workbench.tensors(at: back)
    )
    #expect(before.keys.sorted() == after.keys.sorted())
    for (name, tensor) in before {
      #expect(after[name]?.type == tensor.type && after[name]?.bytes == tensor.bytes, "\(name)")
    }
  }

  @Test func eightByteFloatsBecomeF32() async throws {
    let bench = try Workbench()
    let name = "model.layers.0.mlp.up_proj.weight"
    let path = try copy("LlamaForCausalLM-plain", bench) { tensors in
      for index in tensors.indices where tensors[index].name == name {
        let count = tensors[index].shape.reduce(1, *)
        tensors[index] = RawTensor(
          name, type: "F64", shape: tensors[index].shape,
          bytes: (0..<count).flatMap { number in
            withUnsafeBytes(of: Double(number).bitPattern.littleEndian) { unsafe Array($0) }
          })
      }
    }
    let found = try Workbench.ggufTensors(at: try await bench.convert(path, to: "out.gguf"))["blk.0.ffn_up.weight"]
    #expect(found?.type == "f32")
  }

  @Test(arguments: ["I16", "I32"]) func wholeNumbersAreNoWeights(_ type: String) async throws {
    let bench = try Workbench()
    let name = "model.layers.0.mlp.up_proj.weight"
    let path = try copy("LlamaForCausalLM-plain", bench) { tensors in
      for index in tensors.indices where tensors[index].name == name {
        let count = tensors[index].shape.reduce(1, *) * (type == "I16" ? 2 : 4)
        tensors[index] = RawTensor(
          name, type: type, shape: tensors[index].shape, bytes: [UInt8](repeating: 1, count: count))
      }
    }
    let error = await #expect(throws: FileError.self) { try await bench.convert(path, to: "out.gguf") }
    #expect(error?.code == .unsupported && error?.subject == name)
  }

  @Test(arguments: [
    ("GPT2LMHeadModel-plain", "transformer.h.0.attn.c_attn.bias"),
    ("BloomForCausalLM-plain", "transformer.h.0.mlp.dense_h_to_4h.bias"),
    ("GptOssForCausalLM-dense", "model.layers.1.mlp.experts.down_proj_bias"),
  ])
  func aBiasThatLlamaCppWantsIsMissed(_ fixture: String, _ name: String) async throws {
    let bench = try Workbench()
    let path = try copy(fixture, bench) { tensors in tensors.removeAll { $0.name == name } }
    let error = await #expect(throws: FileError.self) { try await bench.convert(path, to: "out.gguf") }
    #expect(error?.code == .missing && error?.subject == name)
    // transformers takes it for zero.
    #expect(throws: Never.self) {
      try Plan(
        converting: try Checkpoint(path: path), to: Destination(path: bench.path("folder")), recipe: Recipe(.keep))
    }
  }

  @Test(arguments: [
    ("MistralForCausalLM-window", true), ("GptOssForCausalLM-dense", true), ("LlamaForCausalLM-plain", false),
  ])
  func whatLlamaCppComputesOtherwiseIsTold(_ fixture: String, _ isTold: Bool) throws {
    let bench = try Workbench()
    let plan = try Plan(
      converting: try Checkpoint(path: "\(Self.folder)/\(fixture)"), to: Destination(path: bench.path("out.gguf")),
      recipe: Recipe(.keep))
    #expect(plan.notes.contains { $0.cause.contains("llama.cpp ") && $0.names.isEmpty } == isTold)
  }

  @Test func settingsThatNobodyReadsAreTold() throws {
    let bench = try Workbench()
    let path = try bench.write(TinyCheckpoint { $0.settings["attention_dream"] = 3 })
    let notes = try Checkpoint(path: path).notes.map(\.cause)
    #expect(notes.count == 1 && notes.first?.hasSuffix(": attention_dream") == true, "\(notes)")
  }

  // MARK: - bitsandbytes

  private static func nf4(_ path: String, _ bench: Workbench) throws -> Plan {
    try Plan(
      converting: try Checkpoint(path: path), to: Destination(path: bench.path("nf4")),
      recipe: Recipe(.quantizing("nf4")))
  }

  /// transformers quantizes no experts, and opens no folder in which they are.
  @Test(arguments: ["MixtralForCausalLM-plain", "Qwen2MoeForCausalLM-plain", "GptOssForCausalLM-dense"])
  func expertsAreLeftAlone(_ fixture: String) throws {
    let plan = try Self.nf4("\(Self.folder)/\(fixture)", try Workbench())
    let quantized = plan.tensors.filter { $0.targetType == "nf4" }.map(\.name)
    #expect(quantized.contains("model.layers.0.self_attn.q_proj.weight"))
    #expect(!quantized.contains { $0.contains("experts") })
    let note = plan.notes.first { $0.cause.contains("leave such layers") }
    #expect(note?.names.isEmpty == false && note?.names.allSatisfy { $0.contains("experts") } == true)
  }

  @Test func nothingToQuantizeIsRefused() throws {
    let error = #expect(throws: FileError.self) {
      try Self.nf4("\(Self.folder)/FalconForCausalLM-7b", try Workbench())
    }
    #expect(error?.code == .unsupported && error?.message.contains("FalconForCausalLM") == true)
  }

  /// Layers that transformers has as `Conv1D` are stored the other way round where they are quantized.
  @Test func layersOfGPT2AreTurnedAndComeBack() async throws {
    let bench = try Workbench()
    let path = "\(Self.folder)/GPT2LMHeadModel-plain"
    let output = try await bench.convert(path, to: "nf4", Recipe(.quantizing("nf4")))
    let name = "transformer.h.0.attn.c_attn.weight"
    let stored = try Workbench.tensors(at: output)
    let state = try #require(stored["\(name).quant_state.bitsandbytes__nf4"])
    #expect(try JSONValue(parsing: state.bytes)["shape"] == [72, 24])

    let (before, after) = (try Checkpoint(path: path), try Checkpoint(path: output))
    let (one, other) = (try #require(try before.tensor(named: name)), try #require(try after.tensor(named: name)))
    #expect(other.shape == [24, 72])
    let (exact, found) = (try one.values(), try other.values())
    let error = zip(exact, found).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    #expect(error < 0.02 * exact.reduce(0) { $0 + $1 * $1 })
    // The codes are those of the weight turned.
    let turned = (0..<72).flatMap { row in (0..<24).map { exact[$0 * 72 + row] } }
    let square = try await bench.convert(
      try bench.folder.write(
        try RawSafetensors.bytes(of: [RawTensor("w.weight", shape: [72, 24], values: turned)]), to: "w.safetensors"),
      to: "w-nf4.safetensors", Recipe(.quantizing("nf4")))
    #expect(try Workbench.tensors(at: square)["w.weight"]?.bytes == stored[name]?.bytes)

    // A copy stays what it is, byte for byte.
    let copied = try Workbench.tensors(at: try await bench.convert(output, to: "copied"))
    for (name, tensor) in stored { #expect(copied[name]?.bytes == tensor.bytes, "\(name)") }
  }

  /// Of a class that is not known, names tell what is embedding and head.
  @Test func embeddingsOfAnUnknownClassAreLeftAlone() throws {
    let bench = try Workbench()
    let path = try copy("GPT2LMHeadModel-plain", bench) { tensors in
      tensors += [
        RawTensor("backbone.embeddings.weight", shape: [8, 64], values: [Float](repeating: 1, count: 512)),
        RawTensor("head.weight", shape: [8, 64], values: [Float](repeating: 1, count: 512)),
        RawTensor("backbone.mixer.in_proj.weight", shape: [8, 64], values: [Float](repeating: 1, count: 512)),
      ]
    }
    try Data(#"{"architectures": ["MambaForCausalLM"], "model_type": "mamba"}"#.utf8)
      .write(to: URL(fileURLWithPath: path + "/config.json"))
    let quantized = try Self.nf4(path, bench).tensors.filter { $0.targetType == "nf4" }.map(\.name)
    #expect(quantized.contains("backbone.mixer.in_proj.weight"))
    for name in ["backbone.embeddings.weight", "head.weight", "transformer.wte.weight", "transformer.wpe.weight"] {
      #expect(!quantized.contains(name))
    }
  }

  /// Names of biases are not cut to names of modules.
  @Test func modulesThatAreSkippedHaveWholeNames() async throws {
    let bench = try Workbench()
    let output = try await bench.convert(
      "\(Self.folder)/GptOssForCausalLM-dense", to: "nf4", Recipe(.quantizing("nf4")))
    let config = try JSONValue(parsing: try Workbench.bytes(output + "/config.json"))
    let skipped = (config["quantization_config"]?["llm_int8_skip_modules"]?.array ?? []).compactMap(\.string)
    #expect(skipped.contains("lm_head") && skipped.contains("model.layers.0.mlp.router"))
    #expect(skipped.allSatisfy { name in ["lm_head", "router"].contains { name.hasSuffix($0) } }, "\(skipped)")
  }
}
