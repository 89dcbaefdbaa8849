internal import Bytes

/// Qwen3: norms of the heads of queries and keys in place of biases.
struct Qwen3Family: DecoderFamily {
  let classes = [
    ModelClass("Qwen3ForCausalLM", "qwen3"), ModelClass("Qwen3Model", "qwen3", hasHead: false),
  ]
  var ggufArchitecture: String? { "qwen3" }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(context: 32768, headDimension: .value(.count(128))).withHeadDimension
    + [.flag(.hasAttentionBias, "attention_bias")] + Qwen2Family.windows

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention()
    + NameRow.headNorms("self_attn.q_norm", "self_attn.k_norm") + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    try values.checkLayerKinds(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    var attention = values.attention(values.rotation(source), biases: .init(inputs: hasBias, output: hasBias))
    attention.headNorms = Attention.HeadNorms(values.rmsNorm(), .sharedByHeads)
    let activation = try values.activation(source)
    return Decoder(
      layers: values.windows(on: attention).map { attention in
        DecoderLayer(
          attention: attention, feedForward: values.feedForward(activation), attentionNorm: values.rmsNorm(),
          feedForwardNorm: values.rmsNorm())
      }, finalNorm: values.rmsNorm(), values)
  }
}
