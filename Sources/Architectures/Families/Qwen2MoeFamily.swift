internal import Bytes

/// Qwen2-MoE: Qwen2 with experts, and a network that every token is given to, behind a gate of its own.
struct Qwen2MoeFamily: DecoderFamily {
  let classes = [ModelClass("Qwen2MoeForCausalLM", "qwen2_moe")]
  var ggufArchitecture: String? { "qwen2moe" }
  var ggufHead: GGUFHead { .own }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(context: 32768).plain + Hyperparameter.experts(count: "num_experts", used: 4)
    + [
      .count(.expertSize, "moe_intermediate_size", gguf: "expert_feed_forward_length"),
      .count(.sharedExpertSize, "shared_expert_intermediate_size", gguf: "expert_shared_feed_forward_length"),
      .flag(.normalizesExperts, "norm_topk_prob"),
      .flag(.hasAttentionBias, "qkv_bias", default: true),
    ] + Hyperparameter.denseLayers + Qwen2Family.windows

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention() + NameRow.usualFeedForward
    + NameRow.experts("mlp", gate: "gate_proj", up: "up_proj", down: "down_proj", router: "gate")
    + [
      NameRow(.sharedGate, "mlp.shared_expert.gate_proj", "ffn_gate_shexp"),
      NameRow(.sharedUp, "mlp.shared_expert.up_proj", "ffn_up_shexp"),
      NameRow(.sharedDown, "mlp.shared_expert.down_proj", "ffn_down_shexp"),
      NameRow(.sharedRouter, "mlp.shared_expert_gate", "ffn_gate_inp_shexp"),
    ]

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    if source.metadata != nil { values[.hasAttentionBias] = .flag(source.hasBias("attn_q")) }
    try values.checkLayerKinds(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let attention = values.attention(
      values.rotation(source), biases: .init(inputs: values.flag(.hasAttentionBias), output: false))
    let activation = try values.activation(source)
    let experts = FeedForward.Experts(
      values, .softmaxOfAll, isNormalized: values.flag(.normalizesExperts), sharedSize: values.size(.sharedExpertSize),
      isSharedGated: true)
    // Here the setting counts from the other end, and every second layer has none.
    let attentions = values.windows(on: attention) { layer, end in layer % 2 == 0 && layer < end }
    return Decoder(
      layers: attentions.enumerated().map { number, attention in
        DecoderLayer(
          attention: attention,
          feedForward: values.feedForward(activation, experts: values.isDense(layer: number) ? nil : experts),
          attentionNorm: values.rmsNorm(), feedForwardNorm: values.rmsNorm())
      }, finalNorm: values.rmsNorm(), values)
  }
}

extension Hyperparameter {
  /// Which layers have no experts; a GGUF of the family has them in all.
  static let denseLayers: [Hyperparameter] = [
    Hyperparameter(
      .sparseStep, .count(least: 1, most: 1 << 16), config: ["decoder_sparse_step"], configDefault: .value(.count(1)),
      ggufDefault: .none),
    Hyperparameter(
      .denseLayers, .counts, config: ["mlp_only_layers"], configDefault: .none, ggufDefault: .none),
  ]
}

extension Hyperparameters {
  /// Whether a layer has one network instead of experts.
  func isDense(layer: Int) -> Bool {
    counts(.denseLayers)?.contains(layer) == true || (layer + 1) % (count(.sparseStep) ?? 1) != 0
  }
}

extension Hyperparameter.Key {
  static let sparseStep: Self = "step of layers with experts"
  static let denseLayers: Self = "layers without experts"
}
