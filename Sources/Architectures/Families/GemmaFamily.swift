internal import Bytes
internal import JSON
internal import RealModule

/// Gemma: norms whose weights count from 1, embeddings times the root of their width, tanh-GELU gates.
struct GemmaFamily: DecoderFamily {
  let classes = [ModelClass("GemmaForCausalLM", "gemma")]
  var ggufArchitecture: String? { "gemma" }
  var ggufHead: GGUFHead { .embedding }
  var hasRopeTensors: Bool { false }
  var tiesHeadByDefault: Bool { true }
  var needsWideRange: Bool { true }

  let hyperparameters =
    Hyperparameter.usual(context: 8192, activation: .geluTanh, headDimension: .value(.count(256))).withHeadDimension
    .saidUnlessUsual + [.flag(.hasAttentionBias, "attention_bias")]

  let names =
    Self.globals + [
      NameRow(.attentionNorm, "input_layernorm", "attn_norm", change: .addsOne),
      NameRow(.feedForwardNorm, "post_attention_layernorm", "ffn_norm", change: .addsOne),
    ] + NameRow.usualAttention() + NameRow.usualFeedForward

  static let globals = [
    NameRow(.tokenEmbedding, "embed_tokens", "token_embd"),
    NameRow(.finalNorm, "norm", "output_norm", change: .addsOne), NameRow(.head, "lm_head", "output"),
  ]

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    try source.config?.require(
      "use_bidirectional_attention", false, because: "attention to what follows is not supported")
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    let attention = values.attention(values.rotation(source), biases: .init(inputs: hasBias, output: hasBias))
    // What some releases call gelu was always meant to be the other one.
    let activation = try values.activation(source)
    let norm = values.rmsNorm(offset: 1)
    var decoder = Decoder(
      repeating: DecoderLayer(
        attention: attention, feedForward: values.feedForward(activation == .gelu ? .geluTanh : activation),
        attentionNorm: norm, feedForwardNorm: norm), finalNorm: norm, values)
    decoder.embeddingScale = Float(values.size(.hiddenSize)).squareRoot()
    return decoder
  }
}
