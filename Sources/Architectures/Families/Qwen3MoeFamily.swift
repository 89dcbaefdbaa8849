internal import Bytes

/// Qwen3-MoE: Qwen3 with experts.
struct Qwen3MoeFamily: DecoderFamily {
  let classes = [ModelClass("Qwen3MoeForCausalLM", "qwen3_moe")]
  var ggufArchitecture: String? { "qwen3moe" }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(context: 32768).withHeadDimension
    + Hyperparameter.experts(count: "num_experts", "num_local_experts", used: 8)
    + [
      .count(.expertSize, "moe_intermediate_size", gguf: "expert_feed_forward_length"),
      // A GGUF of the family is always run so.
      Hyperparameter(
        .normalizesExperts, .flag, config: ["norm_topk_prob"], configDefault: .value(.flag(false)),
        ggufDefault: .value(.flag(true))),
      .flag(.hasAttentionBias, "attention_bias"),
    ] + Hyperparameter.denseLayers + Qwen2Family.windows

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention()
    + NameRow.headNorms("self_attn.q_norm", "self_attn.k_norm") + NameRow.usualFeedForward
    + NameRow.experts("mlp", gate: "gate_proj", up: "up_proj", down: "down_proj", router: "gate")

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    // The window is that of all layers, whatever kinds are listed.
    values[.layerKinds] = nil
    values[.windowStart] = .count(0)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    var attention = values.attention(values.rotation(source), biases: .init(inputs: hasBias, output: hasBias))
    attention.headNorms = Attention.HeadNorms(values.rmsNorm(), .sharedByHeads)
    let activation = try values.activation(source)
    let experts = FeedForward.Experts(values, .softmaxOfAll, isNormalized: values.flag(.normalizesExperts))
    return Decoder(
      layers: values.windows(on: attention).enumerated().map { number, attention in
        DecoderLayer(
          attention: attention,
          feedForward: values.feedForward(activation, experts: values.isDense(layer: number) ? nil : experts),
          attentionNorm: values.rmsNorm(), feedForwardNorm: values.rmsNorm())
      }, finalNorm: values.rmsNorm(), values)
  }
}
