import Bytes
import Testing

@testable import Architectures

/// What the tensors of a Llama are called in Hugging Face's form and in a GGUF.
@Suite struct TensorNameTests {
  private static let settings = LlamaSettings(
    hiddenSize: 64, intermediateSize: 172, layerCount: 2, headCount: 8, keyValueHeadCount: 4, headDimension: 8,
    vocabularySize: 512, contextLength: 128, normEpsilon: 1e-5, rope: RotaryEmbedding(theta: 1e4),
    hasAttentionBias: true, hasFeedForwardBias: true)

  private func model(_ change: (inout LlamaSettings) -> Void = { _ in }) throws -> any Model {
    var settings = Self.settings
    change(&settings)
    return try settings.model()
  }

  private static let names: [(huggingFace: String, gguf: String, isReordered: Bool)] = [
    ("model.embed_tokens.weight", "token_embd.weight", false), ("model.norm.weight", "output_norm.weight", false),
    ("lm_head.weight", "output.weight", false),
    ("model.layers.1.input_layernorm.weight", "blk.1.attn_norm.weight", false),
    ("model.layers.1.self_attn.q_proj.weight", "blk.1.attn_q.weight", true),
    ("model.layers.1.self_attn.q_proj.bias", "blk.1.attn_q.bias", true),
    ("model.layers.1.self_attn.k_proj.weight", "blk.1.attn_k.weight", true),
    ("model.layers.1.self_attn.k_proj.bias", "blk.1.attn_k.bias", true),
    ("model.layers.0.self_attn.v_proj.weight", "blk.0.attn_v.weight", false),
    ("model.layers.0.self_attn.v_proj.bias", "blk.0.attn_v.bias", false),
    ("model.layers.0.self_attn.o_proj.weight", "blk.0.attn_output.weight", false),
    ("model.layers.0.post_attention_layernorm.weight", "blk.0.ffn_norm.weight", false),
    ("model.layers.0.mlp.gate_proj.weight", "blk.0.ffn_gate.weight", false),
    ("model.layers.0.mlp.up_proj.weight", "blk.0.ffn_up.weight", false),
    ("model.layers.0.mlp.down_proj.weight", "blk.0.ffn_down.weight", false),
    ("model.layers.0.mlp.down_proj.bias", "blk.0.ffn_down.bias", false),
  ]

  @Test(arguments: names)
  func bothWays(_ name: (huggingFace: String, gguf: String, isReordered: Bool)) throws {
    let toGGUF = try model().ggufTensors(fromHuggingFace: [name.huggingFace], path: "m")
    let toFolder = try model().huggingFaceTensors(fromGGUF: [name.gguf], path: "m.gguf")
    let order = RowOrder(.interleaving, headDimension: 8)
    let (from, back) = (Derivation.source(named: name.huggingFace), Derivation.source(named: name.gguf))
    #expect(
      toGGUF == [NamedDerivation(name: name.gguf, derivation: name.isReordered ? from.applying(order) : from)])
    #expect(
      toFolder
        == [
          NamedDerivation(name: name.huggingFace, derivation: name.isReordered ? back.applying(order.inverse) : back)
        ])
  }

  @Test(arguments: [
    "model.layers.2.mlp.up_proj.weight", "model.layers.-1.mlp.up_proj.weight", "model.layers.x.mlp.up_proj.weight",
    "model.layers.0.mlp.up_proj", "model.layers.0.mlp.up_proj.scale", "model.layers.0.block_sparse_moe.gate.weight",
    "model.layers.", "model.layers.weight", "model.layers", "model.layers.0.weight",
    "model.layers.+0.mlp.up_proj.weight",
    "model.layers.00.mlp.up_proj.weight", "model.layers.0.", "transformer.h.0.attn.c_attn.weight", "", "weight",
    "lm_head.bias",
    "model.layers.99999999999999999999.mlp.up_proj.weight",
  ])
  func refusesNamesOfOtherModels(_ name: String) {
    let error = #expect(throws: FileError.self) {
      try model().ggufTensors(fromHuggingFace: [name], path: "m")
    }
    #expect(error?.subject == name)
    #expect(error?.code == .unsupported)
  }

  @Test(arguments: [
    "blk.2.ffn_up.weight", "blk.01.ffn_up.weight", "blk..0.ffn_up.weight", "blk.-1.ffn_up.weight",
    "blk.0.ffn_gate_inp.weight", "blk.0.ffn_up.scale", "blk.0.ffn_up",
    "output.bias", "", "...", "blk.0.attn_qkv.weight",
  ])
  func refusesGGUFNamesOfOtherModels(_ name: String) {
    let error = #expect(throws: FileError.self) {
      try model().huggingFaceTensors(fromGGUF: [name], path: "m.gguf")
    }
    #expect(error?.subject == name)
  }

  @Test func inverseFrequenciesOfOldCheckpointsAreLeftOut() throws {
    let name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    #expect(try model().ggufTensors(fromHuggingFace: [name], path: "m").isEmpty)
  }

  @Test func llama3sFactorsAreATensorOfTheGGUFAlone() throws {
    let rope = RotaryEmbedding(
      theta: 1e4,
      scaling: .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192))
    let model = try model { $0.rope = rope }
    let tensors = try model.configurationTensors(path: "m")
    #expect(tensors.map(\.name) == ["rope_freqs.weight"])
    #expect(
      tensors.first?.derivation
        == .making(Constant(rope.frequencyDivisors(dimension: 8, length: 1)), of: []))
    #expect(try model.huggingFaceTensors(fromGGUF: tensors.map(\.name), path: "m").isEmpty)
  }

  @Test func theHeadOfATiedModelIsLeftOutOnTheWayBack() throws {
    let tensors = try model { $0.tiesEmbeddings = true }.huggingFaceTensors(
      fromGGUF: ["token_embd.weight", "output.weight"], path: "m")
    #expect(tensors.map(\.name) == ["model.embed_tokens.weight"])
  }

  @Test func everyTensorTheConfigurationAsksForHasAGGUFName() throws {
    let model = try model()
    let expected = model.expectedTensors
    #expect(expected.count == 3 + 2 * (7 * 2 + 2))
    let names = try model.ggufTensors(fromHuggingFace: expected.map(\.name), path: "m").map(\.name)
    #expect(Set(names).count == expected.count)
    let back = try model.huggingFaceTensors(fromGGUF: names, path: "m").map(\.name)
    #expect(back == expected.map(\.name))
  }
}
