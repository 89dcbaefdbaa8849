internal import Bytes
internal import JSON
internal import RealModule

/// Gemma 2: norms before and after both halves of a layer, windows in every second one, soft-caps.
struct Gemma2Family: DecoderFamily {
  let classes = [ModelClass("Gemma2ForCausalLM", "gemma2")]
  var ggufArchitecture: String? { "gemma2" }
  var ggufHead: GGUFHead { .embedding }
  var hasRopeTensors: Bool { false }
  var tiesHeadByDefault: Bool { true }
  var needsWideRange: Bool { true }

  let hyperparameters =
    Hyperparameter.usual(
      context: 8192, keyHeads: .value(.count(4)), activation: .geluTanh, activationKey: "hidden_activation",
      headDimension: .value(.count(256))
    ).withHeadDimension.saidUnlessUsual + [
      .number(
        .scoreSoftCap, "attn_logit_softcapping", gguf: "attn_logit_softcapping", default: .value(.number(50)),
        ggufDefault: .value(.number(50)), nullIsNone: true),
      .number(
        .logitSoftCap, "final_logit_softcapping", gguf: "final_logit_softcapping", default: .value(.number(30)),
        ggufDefault: .value(.number(30)), nullIsNone: true),
      .window(default: .value(.count(4096))), .layerKindList, .flag(.hasAttentionBias, "attention_bias"),
      .number(
        .queryScalar, "query_pre_attn_scalar", default: .value(.number(256)), ggufDefault: Hyperparameter.Default.none),
    ]

  let names = GemmaFamily.globals + Self.norms + NameRow.usualAttention() + NameRow.usualFeedForward

  /// Norms before and after.
  static let norms = [
    NameRow(.attentionNorm, "input_layernorm", "attn_norm", change: .addsOne),
    NameRow(.attentionPostNorm, "post_attention_layernorm", "post_attention_norm", change: .addsOne),
    NameRow(.feedForwardNorm, "pre_feedforward_layernorm", "ffn_norm", change: .addsOne),
    NameRow(.feedForwardPostNorm, "post_feedforward_layernorm", "post_ffw_norm", change: .addsOne),
  ]

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    try values.checkLayerKinds(source)
    try source.config?.require(
      "use_bidirectional_attention", false, because: "attention to what follows is not supported")
    if source.config == nil, values[.slidingWindow] == nil { values[.slidingWindow] = .count(4096) }
    // The largest model is told by its layers. Source: llama.cpp's loader.
    if values[.queryScalar] == nil {
      let isLargest = values.size(.layerCount) == 46
      values[.queryScalar] = .number(
        Double(isLargest ? values.size(.hiddenSize) / values.size(.headCount) : values.size(.headDimension)))
    }
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    var attention = values.attention(
      values.rotation(source), biases: .init(inputs: hasBias, output: hasBias),
      scale: 1 / (values.number(.queryScalar) ?? 1).squareRoot())
    attention.scoreSoftCap = values.number(.scoreSoftCap)
    let activation = try values.activation(source, "hidden_activation")
    let norm = values.rmsNorm(offset: 1)
    let isSliding = values.slidingLayers { $0 % 2 == 0 }
    var decoder = Decoder(
      layers: isSliding.map { isSliding in
        var own = attention
        own.window = isSliding ? values.count(.slidingWindow) : nil
        return DecoderLayer(
          attention: own, feedForward: values.feedForward(activation), attentionNorm: norm, feedForwardNorm: norm,
          attentionPostNorm: norm, feedForwardPostNorm: norm)
      }, finalNorm: norm, values)
    decoder.embeddingScale = Float(values.size(.hiddenSize)).squareRoot()
    decoder.logitSoftCap = values.number(.logitSoftCap)
    return decoder
  }

  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] { Self.scalar(model) }

  /// `transformers` takes whole numbers only.
  static func scalar(_ model: DecoderModel) -> [String: JSONValue] {
    guard let scalar = model.values.number(.queryScalar), let whole = Int(exactly: scalar) else { return [:] }
    return ["query_pre_attn_scalar": .integer(whole)]
  }
}

extension Hyperparameter.Key {
  static let queryScalar: Self = "scalar of queries"
}
