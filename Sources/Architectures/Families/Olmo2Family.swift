internal import Bytes
internal import JSON
internal import Tensors

/// OLMo 2 and 3: norms of what both halves of a layer give, norms of queries and keys over their whole width, and in the
/// third windows in three of four layers, without the scaling of RoPE.
struct Olmo2Family: DecoderFamily {
  private static let third = ModelClass("Olmo3ForCausalLM", "olmo3")
  let classes = [ModelClass("Olmo2ForCausalLM", "olmo2"), Self.third]
  var ggufArchitecture: String? { "olmo2" }
  var ggufHead: GGUFHead { .own }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(context: 2048, epsilon: 1e-5).plain + [
      .number(
        .localTheta, gguf: "rope.freq_base_swa", default: Hyperparameter.Default.none,
        ggufDefault: Hyperparameter.Default.none),
      .window(), .layerKindList, .windowPatternList,
      .flag(.hasAttentionBias, "attention_bias"),
    ]

  let names =
    NameRow.usualGlobals + NameRow.usualPostNorms + NameRow.usualAttention()
    + NameRow.headNorms("self_attn.q_norm", "self_attn.k_norm")
    + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    try values.checkLayerKinds(source)
    if let config = source.config {
      let isThird = source.modelClass.modelType == Self.third.modelType
      if !isThird {
        values[.slidingWindow] = nil
        values[.layerKinds] = nil
      } else if config.config["sliding_window"] == nil {
        values[.slidingWindow] = .count(4096)
      }
      if isThird, !config.has("rope_parameters") {
        // transformers gives it to the layers without windows alone.
        try config.require(
          "rope_theta", 500_000, 500_000.0,
          because: "layers with windows have a theta of 500000; rope_parameters can say both")
      }
    } else if values[.slidingWindow] != nil {
      source.modelClass = Self.third
    }
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    let isThird = source.modelClass.modelType == Self.third.modelType
    let theta: Double = source.config != nil && isThird ? 500_000 : 10_000
    // Layers with windows have no scaling.
    var local = values.rotation(source, theta: theta) { rules in
      rules.layers = "sliding_attention"
      rules.hasScaling = false
    }
    let global = values.rotation(source, theta: theta) { $0.layers = isThird ? "full_attention" : nil }
    if source.metadata != nil {
      // llama.cpp passes over the key for it.
      local.embedding = RotaryEmbedding(theta: global.embedding.theta)
    }
    var attention = values.attention(global, biases: .init(inputs: hasBias, output: hasBias))
    attention.headNorms = Attention.HeadNorms(values.rmsNorm(), .width)
    let pattern = values.flags(.windowPattern)
    let isSliding = values.slidingLayers { layer in
      guard isThird else { return false }
      return pattern.map { $0.indices.contains(layer) && $0[layer] } ?? ((layer + 1) % 4 != 0)
    }
    if isThird {
      values[.localTheta] = .number(Double(local.embedding.theta))
      // llama.cpp fails on a window that no layer has.
      if isSliding.contains(true) { values[.windowPattern] = .flags(isSliding) } else { values[.slidingWindow] = nil }
    }
    let activation = try values.activation(source)
    return Decoder(
      layers: isSliding.map { isSliding in
        var own = attention
        if isSliding {
          own.window = values.count(.slidingWindow)
          own.rotation = local
        }
        return DecoderLayer(
          attention: own, feedForward: values.feedForward(activation), attentionNorm: nil, feedForwardNorm: nil,
          attentionPostNorm: values.rmsNorm(), feedForwardPostNorm: values.rmsNorm())
      }, finalNorm: values.rmsNorm(), values)
  }

  /// RoPE of the layers without windows.
  func ggufRope(_ model: DecoderModel, path: String) throws(FileError) -> GGUFRoPE? {
    let layer = model.decoder.layerKinds.first { $0.attention.window == nil } ?? model.decoder.layerKinds.first
    guard let rotation = layer?.attention.rotation else { return nil }
    return try GGUFRoPE(
      of: rotation.embedding, dimension: rotation.dimension, architecture: model.ggufArchitecture,
      saidKeys: model.values.texts(.saidRopeKeys) ?? [], hasTensors: false, path: path)
  }

  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] {
    guard model.modelClass.modelType == Self.third.modelType else { return ["sliding_window": nil] }
    let layers = model.decoder.kindOfLayer.map { model.decoder.layerKinds[$0] }
    var parameters: [String: JSONValue] = [:]
    for (kind, layer) in [
      ("full_attention", layers.first { $0.attention.window == nil }),
      ("sliding_attention", layers.first { $0.attention.window != nil }),
    ] {
      guard let rotation = layer?.attention.rotation else { continue }
      parameters[kind] = try rotation.embedding.parameters(
        dimension: rotation.dimension, contextLength: model.decoder.contextLength)
    }
    return [
      "layer_types": .array(layers.map { $0.attention.window == nil ? "full_attention" : "sliding_attention" }),
      "rope_parameters": .object(parameters), "rope_scaling": nil,
    ]
  }
}
