internal import Bytes

/// StarCoder2: layer norms, biases, and a feed-forward network without gates.
struct Starcoder2Family: DecoderFamily {
  let classes = [ModelClass("Starcoder2ForCausalLM", "starcoder2")]
  var ggufArchitecture: String? { "starcoder2" }
  var ggufNeedsBiases: Bool { true }
  var hasRopeTensors: Bool { false }
  var tiesHeadByDefault: Bool { true }

  let hyperparameters =
    Hyperparameter.usual(
      context: 4096, epsilon: 1e-5, isLayerNorm: true, keyHeads: .value(.count(2)), activation: .geluTanh
    ).naming(.normEpsilon, "norm_epsilon").naming(.headDimension).plain + [
      // A GGUF of the family has them.
      .flag(.hasAttentionBias, "use_bias", default: true),
      Hyperparameter(
        .slidingWindow, .count(least: 1, most: 1 << 31), config: ["sliding_window"], configDefault: .none,
        ggufDefault: .none, nullIsNone: true),
    ]

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention()
    + NameRow.plainFeedForward("mlp.c_fc", "mlp.c_proj")

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    var attention = values.attention(values.rotation(source), biases: .init(inputs: hasBias, output: hasBias))
    attention.window = values.count(.slidingWindow)
    return Decoder(
      repeating: DecoderLayer(
        attention: attention,
        feedForward: values.feedForward(try values.activation(source), isGated: false, hasBias: hasBias),
        attentionNorm: values.layerNorm(), feedForwardNorm: values.layerNorm()), finalNorm: values.layerNorm(), values)
  }
}
