internal import Bytes
internal import JSON
internal import RealModule
internal import Tensors

/// Gemma 3, its text part: five of six layers with a window and a base of RoPE of their own, norms of queries and keys.
struct Gemma3Family: DecoderFamily {
  let classes = [
    ModelClass("Gemma3ForCausalLM", "gemma3_text"),
    ModelClass("Gemma3ForConditionalGeneration", "gemma3", isComposite: true),
  ]
  var ggufArchitecture: String? { "gemma3" }
  var hasRopeTensors: Bool { false }
  var tiesHeadByDefault: Bool { true }
  var needsWideRange: Bool { true }

  let hyperparameters =
    Hyperparameter.usual(
      context: 131_072, keyHeads: .value(.count(4)), activation: .geluTanh, activationKey: "hidden_activation",
      headDimension: .value(.count(256))
    ).withHeadDimension.defaulting(.headCount, .value(.count(8)))
    .defaulting(.hiddenSize, .value(.count(2304))).defaulting(.intermediateSize, .value(.count(9216)))
    .defaulting(.layerCount, .value(.count(26))).defaulting(.vocabularySize, .value(.count(262_208))) + [
      .number(
        .localTheta, gguf: "rope.freq_base_swa", default: Hyperparameter.Default.none,
        ggufDefault: .value(.number(10_000))),
      .window(default: .value(.count(4096))), .layerKindList,
      Hyperparameter(
        .windowPeriod, .count(least: 1, most: 1 << 16), config: ["sliding_window_pattern"],
        gguf: "attention.sliding_window_pattern", configDefault: .value(.count(6)), ggufDefault: .value(.count(6)),
        isSaidInGGUF: { _ in false }),
      .number(
        .logitSoftCap, "final_logit_softcapping", gguf: "final_logit_softcapping", default: Hyperparameter.Default.none,
        ggufDefault: Hyperparameter.Default.none),
      .flag(.hasAttentionBias, "attention_bias"),
      .number(
        .queryScalar, "query_pre_attn_scalar", default: .value(.number(256)), ggufDefault: Hyperparameter.Default.none),
    ]

  let names =
    GemmaFamily.globals + Gemma2Family.norms + NameRow.usualAttention()
    + NameRow.headNorms("self_attn.q_norm", "self_attn.k_norm", change: .addsOne) + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    try values.checkLayerKinds(source)
    if let config = source.config {
      try config.require("use_bidirectional_attention", false, because: "attention to what follows is not supported")
      if source.modelClass.isComposite {
        try config.require(
          "final_logit_softcapping",
          because: "\(source.modelClass.name) does not apply it, and what runs a GGUF does; take it out, or make it a "
            + "Gemma3ForCausalLM")
      }
      try config.require("attn_logit_softcapping", because: "a soft-cap of scores is not supported in this class")
    } else if values.count(.slidingWindow) == nil {
      values[.windowPeriod] = .count(1)
    }
    if values[.queryScalar] == nil {
      // The largest model is told by its layers. Source: llama.cpp's loader.
      let isLargest = values.size(.layerCount) == 62
      values[.queryScalar] = .number(
        Double(isLargest ? values.size(.hiddenSize) / values.size(.headCount) : values.size(.headDimension)))
    }
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    // In an older spelling scaling is that of layers without windows.
    var local = values.rotation(source, theta: 10_000) { rules in
      rules.layers = "sliding_attention"
      rules.thetaKey = "rope_local_base_freq"
      rules.hasScaling = false
    }
    if source.metadata != nil {
      local.embedding = RotaryEmbedding(theta: values.number(.localTheta) ?? 10_000)
    } else if source.config?.ropeObject(layers: "sliding_attention")?.has("rope_theta") != true {
      local.embedding = RotaryEmbedding(
        theta: try source.config?.positive("rope_local_base_freq", default: 10_000) ?? 10_000)
    }
    values[.localTheta] = .number(Double(local.embedding.theta))
    let global = values.rotation(source, theta: 1_000_000) { $0.layers = "full_attention" }
    var attention = values.attention(
      global, biases: .init(inputs: hasBias, output: hasBias),
      scale: 1 / (values.number(.queryScalar) ?? 1).squareRoot())
    let norm = values.rmsNorm(offset: 1)
    attention.headNorms = Attention.HeadNorms(norm, .sharedByHeads)
    let activation = try values.activation(source, "hidden_activation")
    let period = values.count(.windowPeriod) ?? 6
    let isSliding = values.slidingLayers { ($0 + 1) % period != 0 }
    // transformers runs no layer of that kind without one.
    if isSliding.contains(true), values.count(.slidingWindow) == nil { throw source.setting.missing("sliding_window") }
    var decoder = Decoder(
      layers: isSliding.map { isSliding in
        var own = attention
        if isSliding {
          own.window = values.count(.slidingWindow)
          own.rotation = local
        }
        return DecoderLayer(
          attention: own, feedForward: values.feedForward(activation), attentionNorm: norm, feedForwardNorm: norm,
          attentionPostNorm: norm, feedForwardPostNorm: norm)
      }, finalNorm: norm, values)
    decoder.embeddingScale = Float(values.size(.hiddenSize)).squareRoot()
    decoder.logitSoftCap = values.number(.logitSoftCap)
    return decoder
  }

  /// RoPE of the layers without windows.
  func ggufRope(_ model: DecoderModel, path: String) throws(FileError) -> GGUFRoPE? {
    let layer = model.decoder.layerKinds.first { $0.attention.window == nil } ?? model.decoder.layerKinds.first
    guard let rotation = layer?.attention.rotation else { return nil }
    if case .yarn(let yarn) = rotation.embedding.scaling,
      rotation.embedding.attentionFactor != yarn.usualAttentionFactor
    {
      throw FileError(
        .unsupported, path: path, subject: "attention_factor",
        "is another than the usual one, which llama.cpp would apply in layers with windows too; keep such a model in "
          + "safetensors")
    }
    return try GGUFRoPE(
      of: rotation.embedding, dimension: rotation.dimension, architecture: model.ggufArchitecture, hasTensors: false,
      path: path)
  }

  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] {
    let layers = model.decoder.kindOfLayer.map { model.decoder.layerKinds[$0] }
    var config: [String: JSONValue] = [
      "layer_types": .array(
        layers.map { $0.attention.window == nil ? "full_attention" : "sliding_attention" }),
      "rope_local_base_freq": .number((model.values.number(.localTheta) ?? 10_000).shortest),
      "attn_logit_softcapping": nil,
    ]
    config.merge(Gemma2Family.scalar(model)) { _, whole in whole }
    if let rotation = layers.first(where: { $0.attention.window == nil })?.attention.rotation {
      config.merge(
        try rotation.embedding.configEntries(
          dimension: rotation.dimension, contextLength: model.decoder.contextLength)
      ) { own, _ in own }
    }
    return config
  }
}

extension Hyperparameter.Key {
  static let localTheta: Self = "theta of layers with windows"
  static let windowPeriod: Self = "period of layers without windows"
}
