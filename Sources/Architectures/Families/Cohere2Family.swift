internal import Bytes
internal import JSON
internal import Tensors

/// Cohere's Command R7B and Command A: windows in three of four layers, and no turning of heads in the others.
struct Cohere2Family: DecoderFamily {
  let classes = [ModelClass("Cohere2ForCausalLM", "cohere2")]
  var ggufArchitecture: String? { "cohere2" }
  var ggufHead: GGUFHead { .embedding }
  var tiesHeadByDefault: Bool { true }

  let hyperparameters =
    Hyperparameter.usual(context: 8192, epsilon: 1e-5, isLayerNorm: true) + [
      .number(.logitScale, "logit_scale", gguf: "logit_scale", default: .value(.number(0.0625))),
      .window(default: .value(.count(4096))), .layerKindList,
      Hyperparameter(
        .windowPeriod, .count(least: 1, most: 1 << 16), config: ["sliding_window_pattern"],
        gguf: "attention.sliding_window_pattern", configDefault: .value(.count(4)), ggufDefault: .value(.count(4)),
        isSaidInGGUF: { _ in false }),
      .flag(.hasAttentionBias, "attention_bias"),
      .number(.rotaryShare, "rotary_pct", default: .value(.number(1))),
    ]

  let names =
    NameRow.usualGlobals + [NameRow(.attentionNorm, "input_layernorm", "attn_norm")] + NameRow.usualAttention()
    + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    try values.checkLayerKinds(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    let attention = values.attention(
      values.rotation(source, isInterleaved: true), biases: .init(inputs: hasBias, output: hasBias))
    let norm = values.layerNorm(hasBias: false)
    let activation = try values.activation(source)
    let period = values.count(.windowPeriod) ?? 4
    let isSliding = values.slidingLayers { ($0 + 1) % period != 0 }
    var decoder = Decoder(
      layers: isSliding.map { isSliding in
        var own = attention
        if isSliding { own.window = values.count(.slidingWindow) } else { own.rotation = nil }
        return DecoderLayer(
          residual: .parallel(sharesNorm: true), attention: own, feedForward: values.feedForward(activation),
          attentionNorm: norm, feedForwardNorm: nil)
      }, finalNorm: norm, values)
    decoder.logitScale = values.number(.logitScale) ?? 1
    return decoder
  }

  func metadata(_ model: DecoderModel, path: String) throws(FileError) -> [(key: String, value: MetadataValue)] {
    guard case .none? = model.rotation?.embedding.scaling else { return [] }
    return [("cohere2.rope.scaling.type", .string("none"))]
  }
}
