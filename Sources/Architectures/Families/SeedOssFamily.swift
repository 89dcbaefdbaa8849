internal import Bytes

/// Seed-OSS: Llama with biases, and wide heads.
struct SeedOssFamily: DecoderFamily {
  let classes = [ModelClass("SeedOssForCausalLM", "seed_oss")]
  var ggufArchitecture: String? { "seed_oss" }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(context: 524_288, keyHeads: .value(.count(8)), headDimension: .value(.count(128)))
    .withHeadDimension + [
      .flag(.hasAttentionBias, "attention_bias", default: true),
      .flag(.hasOutputBias, "attention_out_bias"), .flag(.hasFeedForwardBias, "mlp_bias"),
    ]

  let names =
    NameRow.usualGlobals + [
      NameRow(.attentionNorm, "input_layernorm", "attn_norm"),
      NameRow(.feedForwardNorm, "post_attention_layernorm", "post_attention_norm"),
    ] + NameRow.usualAttention() + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    guard source.metadata != nil else { return }
    values[.hasAttentionBias] = .flag(["attn_q", "attn_k", "attn_v"].contains(where: source.hasBias))
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let attention = values.attention(
      values.rotation(source),
      biases: .init(inputs: values.flag(.hasAttentionBias), output: values.flag(.hasOutputBias)))
    return Decoder(
      repeating: DecoderLayer(
        attention: attention,
        feedForward: values.feedForward(
          try values.activation(source), hasBias: values.flag(.hasFeedForwardBias)),
        attentionNorm: values.rmsNorm(), feedForwardNorm: values.rmsNorm()), finalNorm: values.rmsNorm(), values)
  }
}

extension Hyperparameter.Key {
  static let hasOutputBias: Self = "bias of attention's output"
}
