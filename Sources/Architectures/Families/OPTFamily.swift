internal import Bytes
internal import JSON

/// OPT: learned positions that begin at the third row, layer norms before or after, ReLU. llama.cpp has no such
/// architecture.
struct OPTFamily: DecoderFamily {
  let classes = [ModelClass("OPTForCausalLM", "opt"), ModelClass("OPTModel", "opt", hasHead: false)]
  var ggufArchitecture: String? { nil }
  var tiesHeadByDefault: Bool { true }
  var basePrefix: String { "model.decoder." }

  let hyperparameters =
    Hyperparameter.usual(context: 2048, epsilon: 1e-5, isLayerNorm: true, activation: .relu)
    .naming(.normEpsilon).naming(.intermediateSize, "ffn_dim").naming(.activation, "activation_function")
    .naming(.keyHeadCount).naming(.headDimension) + [
      .flag(.normsFirst, "do_layer_norm_before", default: true), .flag(.lacksFinalNorm, "_remove_final_layer_norm"),
      .flag(.hasAttentionBias, "enable_bias", default: true),
      .flag(.hasNormWeights, "layer_norm_elementwise_affine", default: true),
      Hyperparameter(
        .embeddingSize, .count(least: 1, most: 1 << 31), config: ["word_embed_proj_dim"], configDefault: .none,
        ggufDefault: .none),
    ]

  let names =
    [
      NameRow(.tokenEmbedding, "embed_tokens", "token_embd"),
      NameRow(.positionEmbedding, "embed_positions", "position_embd"),
      NameRow(.embeddingProjection, "project_in", "project_in"), NameRow(.headProjection, "project_out", "project_out"),
      NameRow(.finalNorm, "final_layer_norm", "output_norm"), NameRow(.head, "lm_head", "output"),
      NameRow(.attentionNorm, "self_attn_layer_norm", "attn_norm"),
      NameRow(.feedForwardNorm, "final_layer_norm", "ffn_norm"),
    ] + NameRow.usualAttention().dropLast() + [NameRow(.attentionOutput, "self_attn.out_proj", "attn_output")]
    + NameRow.plainFeedForward("fc1", "fc2")

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    values[.keyHeadCount] = values[.headCount]
    try values.completeHeads(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    let hasNorms = values.flag(.hasNormWeights)
    let norm = values.layerNorm(hasBias: hasNorms, hasWeight: hasNorms)
    let isFirst = values.flag(.normsFirst)
    var decoder = Decoder(
      repeating: DecoderLayer(
        residual: isFirst ? .sequential : .normLast,
        attention: values.attention(nil, biases: .init(inputs: hasBias, output: hasBias)),
        feedForward: values.feedForward(
          try values.activation(source, "activation_function"), isGated: false, hasBias: hasBias),
        attentionNorm: norm, feedForwardNorm: norm),
      finalNorm: isFirst && !values.flag(.lacksFinalNorm) ? norm : nil, values)
    decoder.positions = Decoder.LearnedPositions(rows: values.size(.contextLength) + 2, offset: 2)
    if let size = values.count(.embeddingSize), size != decoder.hiddenSize { decoder.embeddingSize = size }
    return decoder
  }
}

extension Hyperparameter.Key {
  static let normsFirst: Self = "norms come first"
  static let lacksFinalNorm: Self = "no last norm"
  static let hasNormWeights: Self = "weights of norms"
  static let embeddingSize: Self = "width of embeddings"
}
