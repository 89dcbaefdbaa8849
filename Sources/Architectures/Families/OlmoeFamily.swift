internal import Bytes

/// OLMoE: experts, and norms of queries and keys over their whole width.
struct OlmoeFamily: DecoderFamily {
  let classes = [ModelClass("OlmoeForCausalLM", "olmoe")]
  var ggufArchitecture: String? { "olmoe" }
  var ggufHead: GGUFHead { .own }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(context: 4096, epsilon: 1e-5).plain + Hyperparameter.experts(count: "num_experts", used: 8) + [
      .flag(.normalizesExperts, "norm_topk_prob"), .flag(.hasAttentionBias, "attention_bias"),
      Hyperparameter(
        .clamp, .number(isPositive: true), config: ["clip_qkv"], configDefault: .none, ggufDefault: .none,
        nullIsNone: true),
    ]

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention()
    + NameRow.headNorms("self_attn.q_norm", "self_attn.k_norm")
    + NameRow.experts("mlp", gate: "gate_proj", up: "up_proj", down: "down_proj", router: "gate")

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    var attention = values.attention(values.rotation(source), biases: .init(inputs: hasBias, output: hasBias))
    attention.headNorms = Attention.HeadNorms(values.rmsNorm(), .width)
    attention.clamp = values.number(.clamp)
    let experts = FeedForward.Experts(values, .softmaxOfAll, isNormalized: values.flag(.normalizesExperts))
    return Decoder(
      repeating: DecoderLayer(
        attention: attention, feedForward: values.feedForward(try values.activation(source), experts: experts),
        attentionNorm: values.rmsNorm(), feedForwardNorm: values.rmsNorm()), finalNorm: values.rmsNorm(), values)
  }
}

extension Hyperparameter.Key {
  static let clamp: Self = "largest magnitude of queries, keys and values"
}
