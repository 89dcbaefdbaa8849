internal import Bytes

/// ERNIE 4.5, dense: Llama that turns neighbouring elements of heads together.
struct Ernie45Family: DecoderFamily {
  let classes = [
    ModelClass("Ernie4_5ForCausalLM", "ernie4_5"), ModelClass("Ernie4_5_ForCausalLM", "ernie4_5"),
  ]
  var ggufArchitecture: String? { "ernie4_5" }
  var hasRopeTensors: Bool { false }
  var tiesHeadByDefault: Bool { true }

  let hyperparameters =
    Hyperparameter.usual(
      context: 131_072, epsilon: 1e-5, keyHeads: .value(.count(2)), headDimension: .value(.count(128))
    ).withHeadDimension + [.flag(.hasAttentionBias, "use_bias")]

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention() + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    let attention = values.attention(
      values.rotation(source, theta: source.config == nil ? 10_000 : 500_000, isInterleaved: true),
      biases: .init(inputs: hasBias, output: hasBias))
    return Decoder(
      repeating: DecoderLayer(
        attention: attention,
        feedForward: values.feedForward(try values.activation(source), hasBias: hasBias),
        attentionNorm: values.rmsNorm(), feedForwardNorm: values.rmsNorm()), finalNorm: values.rmsNorm(), values)
  }
}
