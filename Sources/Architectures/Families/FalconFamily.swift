internal import Bytes
internal import Tensors

/// Falcon in its three generations: heads that share one key, groups of heads in one tensor, halves of a layer side by
/// side under one norm or two, ALiBi in the smallest ones.
struct FalconFamily: DecoderFamily {
  let classes = [ModelClass("FalconForCausalLM", "falcon"), ModelClass("RWForCausalLM", "RefinedWeb")]
  var ggufArchitecture: String? { "falcon" }
  /// They are `FalconLinear`.
  var hasPlainLinearLayers: Bool { false }
  var hasRopeTensors: Bool { false }
  var tiesHeadByDefault: Bool { true }
  var basePrefix: String { "transformer." }
  var layers: String { "h." }
  var droppedEndings: [String] { [".inv_freq"] }

  let hyperparameters =
    Hyperparameter.usual(context: 2048, epsilon: 1e-5, isLayerNorm: true, activation: .gelu)
    .naming(.layerCount, "num_hidden_layers", "n_layer").naming(.hiddenSize, "hidden_size", "n_embed")
    .naming(.headCount, "num_attention_heads", "n_head").naming(.keyHeadCount, "num_kv_heads", "n_head_kv")
    .naming(.normEpsilon, "layer_norm_epsilon").naming(.intermediateSize, "ffn_hidden_size")
    .defaulting(.intermediateSize, .fourTimesHidden).naming(.activation, "activation").naming(.headDimension).plain
    .saidUnlessUsual + [
      .flag(.isNew, "new_decoder_architecture"),
      Hyperparameter(
        .sharesKey, .flag, config: ["multi_query"], configDefault: .value(.flag(true)),
        ggufDefault: .derived { .flag($0.count(.keyHeadCount) == 1) }),
      .flag(.isParallel, "parallel_attn", default: true), .flag(.hasAlibi, "alibi"),
      .flag(.hasAttentionBias, "bias"),
      Hyperparameter(
        .normCount, .count(least: 1, most: 2), config: ["num_ln_in_parallel_attn"], configDefault: .none,
        ggufDefault: .none),
    ]

  let names =
    [
      NameRow(.tokenEmbedding, "word_embeddings", "token_embd"), NameRow(.finalNorm, "ln_f", "output_norm"),
      NameRow(.head, "lm_head", "output"),
      NameRow(
        .query, .key, .value, huggingFace: ["self_attention.query_key_value"], .byKeyHead, gguf: ["attn_qkv"], .blocks),
      NameRow(.attentionOutput, "self_attention.dense", "attn_output"),
    ] + NameRow.plainFeedForward("mlp.dense_h_to_4h", "mlp.dense_4h_to_h")

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    if source.config != nil {
      if values.flag(.sharesKey), !values.flag(.isNew) { values[.keyHeadCount] = .count(1) }
      if values.flag(.isNew) { values[.isParallel] = .flag(true) }
      if values[.normCount] == nil { values[.normCount] = .count(values.flag(.isNew) ? 2 : 1) }
    } else {
      let hasTwo = source.hasTensor("blk.0.attn_norm_2.weight")
      values[.normCount] = .count(hasTwo ? 2 : 1)
      values[.isNew] = .flag(hasTwo || values.size(.keyHeadCount) > 1)
    }
    try values.completeHeads(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let (hasAlibi, hasBias) = (values.flag(.hasAlibi), values.flag(.hasAttentionBias))
    var attention = values.attention(
      hasAlibi ? nil : values.rotation(source), biases: .init(inputs: hasBias, output: hasBias))
    if hasAlibi { attention.alibi = Attention.Alibi(isRounded: true) }
    let hasTwoNorms = values.size(.normCount) == 2
    let isParallel = values.flag(.isParallel)
    return Decoder(
      repeating: DecoderLayer(
        residual: isParallel ? .parallel(sharesNorm: !hasTwoNorms) : .sequential, attention: attention,
        feedForward: values.feedForward(try values.activation(source, "activation"), isGated: false, hasBias: hasBias),
        attentionNorm: values.layerNorm(), feedForwardNorm: hasTwoNorms || !isParallel ? values.layerNorm() : nil),
      finalNorm: values.layerNorm(), values)
  }

  /// Two norms have names of their own, and in a GGUF that of the feed-forward network is the first.
  func layerNames(_ decoder: Decoder) -> [NameRow] {
    guard decoder.layerKinds.first?.residual == .parallel(sharesNorm: false) else {
      return [
        NameRow(.attentionNorm, "input_layernorm", "attn_norm"),
        NameRow(.feedForwardNorm, "post_attention_layernorm", "ffn_norm"),
      ]
    }
    return [
      NameRow(.attentionNorm, "ln_attn", "attn_norm_2"), NameRow(.feedForwardNorm, "ln_mlp", "attn_norm"),
    ]
  }

  func metadata(_ model: DecoderModel, path: String) throws(FileError) -> [(key: String, value: MetadataValue)] {
    [("falcon.tensor_data_layout", .string("jploski"))]
  }
}

extension Hyperparameter.Key {
  static let isNew: Self = "new architecture"
  static let sharesKey: Self = "one key head"
  static let hasAlibi: Self = "ALiBi"
  static let normCount: Self = "norms of a layer"
}
