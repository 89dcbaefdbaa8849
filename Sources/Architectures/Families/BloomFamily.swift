internal import Bytes

/// BLOOM: ALiBi, a norm of the embeddings, queries, keys and values in one tensor head by head.
struct BloomFamily: DecoderFamily {
  let classes = [ModelClass("BloomForCausalLM", "bloom"), ModelClass("BloomModel", "bloom", hasHead: false)]
  var ggufArchitecture: String? { "bloom" }
  var ggufNeedsBiases: Bool { true }
  var hasRopeTensors: Bool { false }
  var tiesHeadByDefault: Bool { true }
  var basePrefix: String { "transformer." }
  var layers: String { "h." }

  let hyperparameters =
    Hyperparameter.usual(context: nil, epsilon: 1e-5, isLayerNorm: true, activation: .geluTanh)
    .naming(.layerCount, "n_layer", "num_hidden_layers").naming(.contextLength, "seq_length")
    .naming(.hiddenSize, "hidden_size", "n_embed").naming(.headCount, "n_head", "num_attention_heads")
    .naming(.keyHeadCount).naming(.normEpsilon, "layer_norm_epsilon").naming(.intermediateSize)
    .defaulting(.intermediateSize, .fourTimesHidden).naming(.activation).naming(.headDimension).plain
    .silent(.ropeTheta) + [.flag(.normOfStream, "apply_residual_connection_post_layernorm")]

  let names =
    [
      NameRow(.tokenEmbedding, "word_embeddings", "token_embd"),
      NameRow(.embeddingNorm, "word_embeddings_layernorm", "token_embd_norm"),
      NameRow(.finalNorm, "ln_f", "output_norm"), NameRow(.head, "lm_head", "output"),
    ] + NameRow.usualNorms + [
      NameRow(
        .query, .key, .value, huggingFace: ["self_attention.query_key_value"], .byKeyHead, gguf: ["attn_qkv"], .blocks),
      NameRow(.attentionOutput, "self_attention.dense", "attn_output"),
    ] + NameRow.plainFeedForward("mlp.dense_h_to_4h", "mlp.dense_4h_to_h")

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    values[.keyHeadCount] = values[.headCount]
    // Source: llama.cpp's converter, where config.json does not say.
    if values[.contextLength] == nil { values[.contextLength] = values[.hiddenSize] }
    try values.completeHeads(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    var attention = values.attention(nil, biases: .init(inputs: true, output: true))
    attention.alibi = Attention.Alibi()
    var decoder = Decoder(
      repeating: DecoderLayer(
        residual: values.flag(.normOfStream) ? .normOfStream : .sequential, attention: attention,
        feedForward: values.feedForward(.geluTanh, isGated: false, hasBias: true),
        attentionNorm: values.layerNorm(), feedForwardNorm: values.layerNorm()), finalNorm: values.layerNorm(), values)
    decoder.embeddingNorm = values.layerNorm()
    return decoder
  }
}

extension Hyperparameter.Key {
  static let normOfStream: Self = "stream goes on from norms"
}
