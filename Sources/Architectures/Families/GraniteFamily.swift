internal import Bytes

/// Granite: Llama with a factor for embeddings, attention, what is added to the stream, and logits.
struct GraniteFamily: DecoderFamily {
  let classes = [ModelClass("GraniteForCausalLM", "granite")]
  var ggufArchitecture: String? { "granite" }

  let hyperparameters =
    Hyperparameter.usual(context: 2048).silent(.headDimension, .valueDimension)
    + [.flag(.hasAttentionBias, "attention_bias"), .flag(.hasFeedForwardBias, "mlp_bias")] + Self.scales

  /// The factors. A GGUF without one has 1, but for that of attention.
  static let scales: [Hyperparameter] = [
    .number(
      .attentionScale, "attention_multiplier", gguf: "attention.scale", default: .value(.number(1)),
      ggufDefault: Hyperparameter.Default.none),
    .number(
      .embeddingScale, "embedding_multiplier", gguf: "embedding_scale", default: .value(.number(1)),
      ggufDefault: .value(.number(1))),
    .number(
      .residualScale, "residual_multiplier", gguf: "residual_scale", default: .value(.number(1)),
      ggufDefault: .value(.number(1))),
    .number(.logitScale, "logits_scaling", gguf: "logit_scale", default: .value(.number(1))),
  ]

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention(.interleavesHeads) + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    // The class has no setting for it, and llama.cpp's converter ignores one.
    if source.config != nil { values[.headDimension] = nil }
    try values.completeHeads(source, turnsWholeHeads: source.metadata != nil)
    guard source.metadata != nil else { return }
    values[.hasAttentionBias] = .flag(["attn_q", "attn_k", "attn_v", "attn_output"].contains(where: source.hasBias))
    values[.hasFeedForwardBias] = .flag(["ffn_gate", "ffn_up", "ffn_down"].contains(where: source.hasBias))
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    let attention = values.attention(
      values.rotation(source), biases: .init(inputs: hasBias, output: hasBias), scale: values.number(.attentionScale))
    var layer = DecoderLayer(
      attention: attention,
      feedForward: values.feedForward(
        try values.activation(source), hasBias: values.flag(.hasFeedForwardBias)),
      attentionNorm: values.rmsNorm(), feedForwardNorm: values.rmsNorm())
    layer.residualScale = values.number(.residualScale) ?? 1
    var decoder = Decoder(repeating: layer, finalNorm: values.rmsNorm(), values)
    decoder.embeddingScale = values.number(.embeddingScale) ?? 1
    decoder.logitScale = 1 / (values.number(.logitScale) ?? 1)
    return decoder
  }
}
