internal import Bytes
internal import JSON

/// GLM-4-0414: norms before and after both halves of a layer, half of each head turned with neighbours together, gates
/// and ups in one tensor.
struct Glm4Family: DecoderFamily {
  let classes = [ModelClass("Glm4ForCausalLM", "glm4")]
  var ggufArchitecture: String? { "glm4" }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(
      context: 131_072, epsilon: 0.00000015625, keyHeads: .value(.count(2)), headDimension: .value(.count(128))
    ).silent(.vocabularySize) + [.flag(.hasAttentionBias, "attention_bias", default: true)]

  let names =
    NameRow.usualGlobals + [
      NameRow(.attentionNorm, "input_layernorm", "attn_norm"),
      NameRow(.attentionPostNorm, "post_self_attn_layernorm", "post_attention_norm"),
      NameRow(.feedForwardNorm, "post_attention_layernorm", "ffn_norm"),
      NameRow(.feedForwardPostNorm, "post_mlp_layernorm", "post_ffw_norm"),
    ] + NameRow.usualAttention() + [
      NameRow(.gate, .up, huggingFace: ["mlp.gate_up_proj"], .blocks, gguf: ["ffn_up"], .blocks),
      NameRow(.down, "mlp.down_proj", "ffn_down"),
    ]

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source, rotaryShare: try source.config?.rotaryShare(default: 0.5) ?? 1)
    if source.metadata != nil { values[.hasAttentionBias] = .flag(source.hasBias("attn_q")) }
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let attention = values.attention(
      values.rotation(source, isInterleaved: true) { $0.turnsPart = true },
      biases: .init(inputs: values.flag(.hasAttentionBias), output: false))
    let norm = values.rmsNorm()
    return Decoder(
      repeating: DecoderLayer(
        attention: attention, feedForward: values.feedForward(try values.activation(source)), attentionNorm: norm,
        feedForwardNorm: norm, attentionPostNorm: norm, feedForwardPostNorm: norm), finalNorm: norm, values)
  }

  /// Where no padding is said, the class has an id for it that small vocabularies do not reach.
  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] { ["pad_token_id": nil] }
}
