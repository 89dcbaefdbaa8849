internal import Bytes

/// StableLM: layer norms, a part of each head turned, and in some models both halves of a layer side by side.
struct StableLmFamily: DecoderFamily {
  let classes = [
    ModelClass("StableLmForCausalLM", "stablelm"), ModelClass("StableLMEpochForCausalLM", "stablelm_epoch"),
  ]
  var ggufArchitecture: String? { "stablelm" }
  var ggufHead: GGUFHead { .own }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(context: 4096, epsilon: 1e-5, isLayerNorm: true)
    .silent(.vocabularySize, .headDimension, .valueDimension).saidUnlessUsual + [
      .flag(.hasAttentionBias, "use_qkv_bias"), .flag(.hasHeadNorms, "qk_layernorm"),
      .flag(.isParallel, "use_parallel_residual", gguf: "use_parallel_residual"),
    ]

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention() + NameRow.usualFeedForward + [
      NameRow(
        .queryNorm, huggingFace: ["self_attn.q_layernorm.norms.{expert}"], .experts, gguf: ["attn_q_norm"]),
      NameRow(.keyNorm, huggingFace: ["self_attn.k_layernorm.norms.{expert}"], .experts, gguf: ["attn_k_norm"]),
    ]

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    let share = try source.config?.rotaryShare("rope_pct", default: 0.25) ?? 1
    try values.completeHeads(source, rotaryShare: share)
    guard source.metadata != nil else { return }
    values[.hasAttentionBias] = .flag(source.hasBias("attn_q"))
    values[.hasHeadNorms] = .flag(source.hasTensor("blk.0.attn_q_norm.weight"))
    // llama.cpp goes by the norm that such a layer lacks.
    values[.isParallel] = .flag(!source.hasTensor("blk.0.ffn_norm.weight"))
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    var attention = values.attention(
      values.rotation(source) { $0.turnsPart = true },
      biases: .init(inputs: values.flag(.hasAttentionBias), output: false))
    if values.flag(.hasHeadNorms) {
      attention.headNorms = Attention.HeadNorms(values.layerNorm(hasBias: false), .eachHead)
    }
    let isParallel = values.flag(.isParallel)
    return Decoder(
      repeating: DecoderLayer(
        residual: isParallel ? .parallel(sharesNorm: true) : .sequential, attention: attention,
        feedForward: values.feedForward(try values.activation(source)), attentionNorm: values.layerNorm(),
        feedForwardNorm: isParallel ? nil : values.layerNorm()), finalNorm: values.layerNorm(), values)
  }
}

extension Hyperparameter.Key {
  static let hasHeadNorms: Self = "norms of queries and keys"
}

extension [Hyperparameter] {
  /// These rows, of which the base of RoPE is said only where it is not what is taken without a word.
  var saidUnlessUsual: [Hyperparameter] {
    map { row in
      guard row.key == .ropeTheta else { return row }
      return Hyperparameter(
        row.key, row.kind, config: row.config, gguf: row.gguf, configDefault: row.configDefault,
        ggufDefault: row.ggufDefault, isSaidInGGUF: { $0.number(.ropeTheta) != 10_000 })
    }
  }
}
