internal import Bytes
internal import JSON

/// SmolLM3: Llama whose every fourth layer does not turn heads.
struct SmolLM3Family: DecoderFamily {
  let classes = [ModelClass("SmolLM3ForCausalLM", "smollm3")]
  var ggufArchitecture: String? { "smollm3" }
  var hasRopeTensors: Bool { false }
  var tiesHeadByDefault: Bool { true }

  let hyperparameters =
    Hyperparameter.usual(context: 32768, keyHeads: .value(.count(4))).silent(.headDimension, .valueDimension) + [
      .flag(.hasAttentionBias, "attention_bias"), .flag(.hasFeedForwardBias, "mlp_bias"),
      Hyperparameter(.rotatedLayers, .flags, config: ["no_rope_layers"], configDefault: .none, ggufDefault: .none),
      Hyperparameter(
        .unrotatedStep, .count(least: 1, most: 1 << 16), config: ["no_rope_layer_interval"],
        configDefault: .value(.count(4)), ggufDefault: .value(.count(4))),
      .flag(.usesWindow, "use_sliding_window"),
      Hyperparameter(
        .slidingWindow, .count(least: 0, most: 1 << 31), config: ["sliding_window"], configDefault: .none,
        ggufDefault: .none, nullIsNone: true),
      .layerKindList,
    ]

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention(.interleavesHeads) + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source, turnsWholeHeads: source.metadata != nil)
    try values.checkLayerKinds(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    let attention = values.attention(
      values.rotation(source, theta: source.config == nil ? 10_000 : 2_000_000),
      biases: .init(inputs: hasBias, output: hasBias))
    let activation = try values.activation(source)
    let hasRotation =
      values.flags(.rotatedLayers)
      ?? (0..<values.size(.layerCount)).map { ($0 + 1) % (values.count(.unrotatedStep) ?? 4) != 0 }
    guard hasRotation.count >= values.size(.layerCount) else {
      throw source.setting.malformed("no_rope_layers", "lists too few layers")
    }
    // A window is that of the layers that do not turn heads, unless the kinds are listed.
    let windows = values.flag(.usesWindow) || values.texts(.layerKinds) != nil ? values.count(.slidingWindow) : nil
    let isSliding = values.slidingLayers { !hasRotation[$0] }
    return Decoder(
      layers: isSliding.enumerated().map { number, isSliding in
        var own = attention
        if !hasRotation[number] { own.rotation = nil }
        own.window = isSliding ? windows : nil
        return DecoderLayer(
          attention: own, feedForward: values.feedForward(activation, hasBias: values.flag(.hasFeedForwardBias)),
          attentionNorm: values.rmsNorm(), feedForwardNorm: values.rmsNorm())
      }, finalNorm: values.rmsNorm(), values)
  }

  /// Where no padding is said, the class has an id for it that small vocabularies do not reach.
  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] { ["pad_token_id": nil] }
}

extension Hyperparameter.Key {
  static let rotatedLayers: Self = "layers that turn heads"
  static let unrotatedStep: Self = "step of layers that do not turn heads"
}
