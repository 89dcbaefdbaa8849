internal import Bytes
internal import JSON
internal import RealModule
internal import Tensors

/// Mistral 3 and Ministral 3, their text part: Llama whose queries grow with their position.
struct Mistral3Family: DecoderFamily {
  private static let mistral = ModelClass("MistralForCausalLM", "mistral")
  let classes = [
    ModelClass("Ministral3ForCausalLM", "ministral3"),
    ModelClass("Mistral3ForConditionalGeneration", "mistral3", isComposite: true), Self.mistral,
  ]
  var ggufArchitecture: String? { "mistral3" }

  let hyperparameters =
    Hyperparameter.usual(context: nil, epsilon: 1e-5, keyHeads: .value(.count(8))) + [
      .number(
        .temperature, gguf: "attention.temperature_scale", default: Hyperparameter.Default.none,
        ggufDefault: Hyperparameter.Default.none),
      .number(
        .yarnScale, gguf: "rope.scaling.yarn_log_multiplier", default: Hyperparameter.Default.none,
        ggufDefault: Hyperparameter.Default.none),
      Hyperparameter(
        .slidingWindow, .count(least: 1, most: 1 << 31), config: ["sliding_window"], configDefault: .none,
        ggufDefault: .none, nullIsNone: true),
    ]

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention(.interleavesHeads) + NameRow.usualFeedForward

  private static let temperatureKey = "llama_4_scaling_beta"

  /// RoPE where config.json of a Ministral 3 does not say.
  private static let usualRope: JSONValue = [
    "rope_type": "yarn", "rope_theta": 1_000_000.0, "factor": 16.0, "original_max_position_embeddings": 16384,
    "beta_fast": 32.0, "beta_slow": 1.0, "mscale_all_dim": 1.0, "mscale": 1.0, "llama_4_scaling_beta": 0.1,
  ]

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    if let config = source.config {
      let type = try config.text("model_type") ?? source.modelClass.modelType
      guard type != "mistral4" else {
        throw config.unsupported("model_type", "mistral4 is not supported: its attention is another one")
      }
      let isMistral = type == "mistral"
      if values[.contextLength] == nil { values[.contextLength] = .count(isMistral ? 131_072 : 262_144) }
      if isMistral {
        if config.config["rms_norm_eps"] == nil { values[.normEpsilon] = .number(1e-6) }
        if config.config["sliding_window"] == nil { values[.slidingWindow] = .count(4096) }
      } else if values[.headDimension] == nil {
        values[.headDimension] = .count(128)
      }
      let rope =
        config.ropeObject() ?? (isMistral ? nil : ConfigReader(config: Self.usualRope, path: config.path))
      if let rope, rope.has(Self.temperatureKey) {
        values[.temperature] = .number(Double(try rope.positive(Self.temperatureKey)))
      }
      if let rope, rope.has("mscale_all_dim"), values[.temperature] != nil {
        values[.yarnScale] = .number(try rope.number("mscale_all_dim"))
      }
    } else if values[.temperature] == nil {
      source.modelClass = Self.mistral
    }
    try values.completeHeads(source, turnsWholeHeads: source.metadata != nil)
  }

  func ggufNotes(_ model: DecoderModel) -> [String] { model.windowThatNoGGUFHas }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let isMinistral =
      try source.config.map { config throws(FileError) in
        try config.text("model_type") ?? source.modelClass.modelType
      } != Self.mistral.modelType
    var rotation = values.rotation(source) { rules in
      rules.ownKeys = [Self.temperatureKey, "max_position_embeddings"]
      if isMinistral { rules.usual = Self.usualRope }
    }
    // Source: llama.cpp, which takes the other scale for 1.
    if source.metadata != nil, let scale = values.number(.yarnScale), case .yarn(let yarn) = rotation.embedding.scaling
    {
      rotation.embedding.attentionFactor *= Float(
        1 / YarnScaling.magnitude(factor: Double(yarn.factor), scale: Double(scale)))
    }
    var attention = values.attention(rotation)
    attention.window = values.count(.slidingWindow)
    if let beta = values.number(.temperature) {
      guard case .yarn(let yarn) = rotation.embedding.scaling else {
        throw source.setting.unsupported(
          source.config == nil ? "attention.temperature_scale" : Self.temperatureKey, "needs RoPE of the kind yarn")
      }
      attention.temperature = Attention.Temperature(beta: beta, originalContextLength: yarn.originalContextLength)
    }
    let norm = values.rmsNorm()
    return Decoder(
      repeating: DecoderLayer(
        attention: attention, feedForward: values.feedForward(try values.activation(source)), attentionNorm: norm,
        feedForwardNorm: norm), finalNorm: norm, values)
  }

  /// What llama.cpp multiplies by follows from the scale of the other key.
  func ggufRope(_ model: DecoderModel, path: String) throws(FileError) -> GGUFRoPE? {
    try model.usualGGUFRope(path) { embedding in
      guard let scale = model.values.number(.yarnScale), case .yarn(let yarn) = embedding.scaling else { return }
      embedding.attentionFactor *= Float(YarnScaling.magnitude(factor: Double(yarn.factor), scale: Double(scale)))
    }
  }

  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] {
    guard let rotation = model.rotation else { return [:] }
    var parameters =
      try rotation.embedding.parameters(dimension: rotation.dimension, contextLength: model.decoder.contextLength)
      .object ?? [:]
    guard let beta = model.values.number(.temperature) else {
      // Where nothing is said, the class has settings of its own.
      return model.modelClass == Self.mistral ? [:] : ["rope_parameters": .object(parameters), "rope_scaling": nil]
    }
    parameters[Self.temperatureKey] = .number(beta.shortest)
    if let scale = model.values.number(.yarnScale) {
      parameters["mscale_all_dim"] = .number(scale.shortest)
      parameters["mscale"] = 1.0
      // Where these two do not give it, it is said.
      let own = rotation.embedding.attentionFactor
      var isUsual = true
      if case .yarn(let yarn) = rotation.embedding.scaling {
        let factor = Double(yarn.factor)
        isUsual =
          own
          == Float(
            YarnScaling.magnitude(factor: factor, scale: 1)
              / YarnScaling.magnitude(factor: factor, scale: Double(scale)))
      }
      parameters["attention_factor"] = isUsual ? nil : .number(own.shortest)
    }
    return ["rope_parameters": .object(parameters), "rope_scaling": nil]
  }
}

extension Hyperparameter.Key {
  static let temperature: Self = "temperature of queries"
  static let yarnScale: Self = "scale of yarn"
}
