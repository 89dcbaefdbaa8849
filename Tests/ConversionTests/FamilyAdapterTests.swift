import Architectures
import Bytes
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Adapters of families whose layers are stored or named otherwise than Llama's.
@Suite struct FamilyAdapterTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Fixtures/Families").path

  private static let rank = 2

  /// An adapter of one module, with a scale of 2.
  private func adapter(
    _ module: String, inner: Int, outer: Int, fanInFanOut: Bool = false, _ bench: Workbench
  ) throws -> (adapter: Adapter, down: [Float], up: [Float]) {
    var random = SeededGenerator(seed: 11)
    let (down, up) = (
      random.normals(Self.rank * inner, deviation: 0.1), random.normals(outer * Self.rank, deviation: 0.1)
    )
    let path = bench.path("adapter")
    try TinyAdapter {
      $0.config["fan_in_fan_out"] = .bool(fanInFanOut)
      $0.tensors = [
        RawTensor("base_model.model.\(module).lora_A.weight", shape: [Self.rank, inner], values: down),
        RawTensor("base_model.model.\(module).lora_B.weight", shape: [outer, Self.rank], values: up),
      ]
    }.write(to: path)
    return (try Adapter(path: path), down, up)
  }

  /// What a weight of so many rows is with the factors added.
  private func sum(
    _ base: [Float], rows: Int, _ factors: (adapter: Adapter, down: [Float], up: [Float]), isTransposed: Bool
  ) -> [Float] {
    let columns = base.count / rows
    return base.indices.map { index in
      let (row, column) = index.quotientAndRemainder(dividingBy: columns)
      let (inner, outer) = isTransposed ? (row, column) : (column, row)
      let width = isTransposed ? rows : columns
      return base[index]
        + 2
        * (0..<Self.rank).reduce(0) { $0 + factors.up[outer * Self.rank + $1] * factors.down[$1 * width + inner] }
    }
  }

  private func expect(_ values: [Float], _ wanted: [Float]) {
    #expect(values.count == wanted.count)
    #expect(zip(values, wanted).allSatisfy { abs($0 - $1) < 1e-6 })
  }

  /// GPT-2 stores `[in, out]`. Of a square that is not seen by its shape.
  /// PEFT knows them by their class, whatever the flag says.
  @Test(
    arguments: [("attn.c_attn", 24, 72), ("attn.c_proj", 24, 24), ("mlp.c_fc", 24, 96), ("mlp.c_proj", 96, 24)],
    [true, false])
  func layersThatAreStoredTransposed(_ layer: (module: String, inner: Int, outer: Int), _ flag: Bool) async throws {
    let (module, inner, outer) = layer
    let bench = try Workbench()
    let base = try Checkpoint(path: "\(Self.folder)/GPT2LMHeadModel-plain")
    let factors = try adapter(
      "transformer.h.1.\(module)", inner: inner, outer: outer, fanInFanOut: flag, bench)
    let name = "transformer.h.1.\(module).weight"
    let before = try #require(try base.tensor(named: name))
    #expect(before.shape == [inner, outer])
    let wanted = sum(try before.values(), rows: inner, factors, isTransposed: true)
    expect(try #require(try base.adding(factors.adapter).tensor(named: name)).values(), wanted)
    // The same of the GGUF, which stores `[out, in]`.
    let gguf = try Checkpoint(path: try await bench.convert(base, to: "base.gguf"))
    expect(try #require(try gguf.adding(factors.adapter).tensor(named: name)).values(), wanted)
  }

  /// The flag may be left in the settings of layers that are not stored so.
  @Test func aSquareOfAnotherFamilyIsNotTransposed() throws {
    let bench = try Workbench()
    let base = try Checkpoint(path: "\(Self.folder)/OPTForCausalLM-plain")
    let module = "model.decoder.layers.0.self_attn.out_proj"
    let factors = try adapter(module, inner: 24, outer: 24, fanInFanOut: true, bench)
    let before = try #require(try base.tensor(named: module + ".weight"))
    let wanted = sum(try before.values(), rows: 24, factors, isTransposed: false)
    expect(try #require(try base.adding(factors.adapter).tensor(named: module + ".weight")).values(), wanted)
  }

  @Test func aSquareOfAnUnknownFamilyIsRefused() throws {
    let bench = try Workbench()
    let path = try bench.write(
      TinyCheckpoint { $0.settings = ["architectures": ["RwkvForCausalLM"], "model_type": "rwkv"] }, as: "unknown")
    let base = try Checkpoint(path: path)
    let factors = try adapter(
      "model.layers.0.self_attn.q_proj", inner: 64, outer: 64, fanInFanOut: true, bench)
    let error = #expect(throws: FileError.self) { try base.adding(factors.adapter) }
    #expect(error?.code == .unsupported && error?.message.contains("fan_in_fan_out") == true)
  }

  /// llama.cpp takes Gemma's embedding for the head, whatever else is in the file.
  @Test(arguments: ["GemmaForCausalLM-plain", "Gemma2ForCausalLM-plain", "CohereForCausalLM-plain"])
  func aHeadOfItsOwnIsRefusedWhereTheEmbeddingIsTaken(_ fixture: String) async throws {
    let bench = try Workbench()
    let base = try Checkpoint(path: "\(Self.folder)/\(fixture)")
    let factors = try adapter("lm_head", inner: 24, outer: 48, bench)
    let gguf = try Checkpoint(path: try await bench.convert(base, to: "base.gguf"))
    for checkpoint in [base, gguf] {
      let adapted = try checkpoint.adding(factors.adapter)
      let error = await #expect(throws: FileError.self) { try await bench.convert(adapted, to: "out.gguf") }
      #expect(error?.code == .unsupported && error?.subject == "tie_word_embeddings")
      #expect(throws: Never.self) {
        try Plan(converting: adapted, to: Destination(path: bench.path("folder")), recipe: Recipe(.keep))
      }
    }
  }

  /// Classes with a vision tower have names in memory that their files have not.
  @Test(arguments: ["Gemma3ForConditionalGeneration-plain", "Mistral3ForConditionalGeneration-mistral"])
  func theTextPartOfACompositeModel(_ fixture: String) async throws {
    let bench = try Workbench()
    let base = try Checkpoint(path: "\(Self.folder)/\(fixture)")
    let module = "layers.1.mlp.down_proj"
    let factors = try adapter("model.language_model.\(module)", inner: 16, outer: 24, bench)
    let name = try #require(base.tensors.map(\.name).first { $0.hasSuffix("\(module).weight") })
    let wanted = sum(
      try #require(try base.tensor(named: name)).values(), rows: 24, factors, isTransposed: false)
    expect(try #require(try base.adding(factors.adapter).tensor(named: name)).values(), wanted)
    let gguf = try Checkpoint(path: try await bench.convert(base, to: "base.gguf")).adding(factors.adapter)
    let text = try #require(gguf.tensors.map(\.name).first { $0.hasSuffix("\(module).weight") })
    expect(try #require(try gguf.tensor(named: text)).values(), wanted)
  }
}
