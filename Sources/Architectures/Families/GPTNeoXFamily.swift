internal import Bytes
internal import JSON

/// GPT-NeoX and Pythia: both halves of a layer side by side under norms of their own, queries, keys and values in one
/// tensor head by head, a quarter of each head turned.
struct GPTNeoXFamily: DecoderFamily {
  let classes = [ModelClass("GPTNeoXForCausalLM", "gpt_neox"), ModelClass("GPTNeoXModel", "gpt_neox", hasHead: false)]
  var ggufArchitecture: String? { "gptneox" }
  var ggufNeedsBiases: Bool { true }
  var hasRopeTensors: Bool { false }
  var ggufHead: GGUFHead { .own }
  var basePrefix: String { "gpt_neox." }
  var droppedEndings: [String] {
    [".attention.bias", ".attention.masked_bias", ".attention.rotary_emb.inv_freq"]
  }

  let hyperparameters =
    Hyperparameter.usual(context: 2048, epsilon: 1e-5, isLayerNorm: true, activation: .gelu)
    .naming(.keyHeadCount).naming(.headDimension)
    .silent(.vocabularySize, .headDimension, .valueDimension, .keyHeadCount).saidUnlessUsual + [
      .flag(.isParallel, "use_parallel_residual", gguf: "use_parallel_residual", default: true),
      .flag(.hasAttentionBias, "attention_bias", default: true),
    ]

  let names =
    [
      NameRow(.tokenEmbedding, "embed_in", "token_embd"), NameRow(.finalNorm, "final_layer_norm", "output_norm"),
      NameRow(.head, "embed_out", "output"), NameRow(.attentionNorm, "input_layernorm", "attn_norm"),
      NameRow(.feedForwardNorm, "post_attention_layernorm", "ffn_norm"),
      NameRow(
        .query, .key, .value, huggingFace: ["attention.query_key_value"], .byKeyHead, gguf: ["attn_qkv"], .blocks),
      NameRow(.attentionOutput, "attention.dense", "attn_output"),
    ] + NameRow.plainFeedForward("mlp.dense_h_to_4h", "mlp.dense_4h_to_h")

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    values[.keyHeadCount] = values[.headCount]
    var share = 1.0
    if let config = source.config {
      // Of two spellings transformers takes the older.
      share = config.has("rotary_pct") ? try config.number("rotary_pct") : try config.rotaryShare(default: 0.25)
      guard share > 0, share <= 1 else { throw config.malformed("rotary_pct", "is not between 0 and 1") }
    }
    try values.completeHeads(source, rotaryShare: share)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    let attention = values.attention(
      values.rotation(source) { rules in
        rules.turnsPart = true
        rules.thetaKey = source.config?.has("rotary_emb_base") == true ? "rotary_emb_base" : "rope_theta"
        rules.prefersOuterTheta = rules.thetaKey == "rotary_emb_base"
      }, biases: .init(inputs: hasBias, output: hasBias))
    return Decoder(
      repeating: DecoderLayer(
        residual: values.flag(.isParallel) ? .parallel(sharesNorm: false) : .sequential, attention: attention,
        feedForward: values.feedForward(try values.activation(source), isGated: false, hasBias: true),
        attentionNorm: values.layerNorm(), feedForwardNorm: values.layerNorm()), finalNorm: values.layerNorm(), values)
  }

  /// Older versions of transformers know the share by its other name alone.
  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] {
    model.rotaryShare.map { ["rotary_pct": .number($0)] } ?? [:]
  }
}
