public import Bytes
public import JSON

// The hyperparameters in config.json, older spelling (`rope_theta`, `rope_scaling`) and newer (`rope_parameters`).
extension LlamaFamily {
  public func configuration(fromConfig config: JSONValue, path: String) throws(FileError) -> LlamaConfiguration {
    let reader = ConfigReader(config: config, path: path)
    let (className, hasHead) = try modelClass(reader)
    if let activation = try reader.text("hidden_act"), activation != "silu", activation != "swish" {
      throw reader.unsupported("hidden_act", "\(activation) is not supported; silu is")
    }
    let hiddenSize = try reader.count("hidden_size")
    let headCount = try reader.count("num_attention_heads")
    let keyValueHeadCount = try reader.count("num_key_value_heads", default: headCount)
    guard headCount % keyValueHeadCount == 0 else {
      throw reader.malformed("num_key_value_heads", "does not divide the \(headCount) attention heads")
    }
    let headDimension = try reader.count("head_dim", default: hiddenSize / headCount)
    guard headDimension > 0, headDimension % 2 == 0 else {
      throw reader.malformed("head_dim", "a head of \(headDimension) elements cannot be rotated in pairs")
    }
    let isMistral = className == LlamaConfiguration.mistral
    return LlamaConfiguration(
      className: className,
      hiddenSize: hiddenSize,
      intermediateSize: try reader.count("intermediate_size"),
      layerCount: try reader.count("num_hidden_layers", limit: 10_000),
      headCount: headCount,
      keyValueHeadCount: keyValueHeadCount,
      headDimension: headDimension,
      vocabularySize: try reader.count("vocab_size"),
      contextLength: try reader.count("max_position_embeddings", default: 2048),
      normEpsilon: try reader.positive("rms_norm_eps", default: 1e-6),
      rope: try rope(reader),
      // Hugging Face's Mistral has a window of 4096 where the key is absent; null is none.
      slidingWindow: isMistral
        ? (config["sliding_window"] == nil ? 4096 : try reader.optionalCount("sliding_window")) : nil,
      tiesEmbeddings: try reader.flag("tie_word_embeddings"),
      hasHead: hasHead,
      // transformers' Mistral knows neither setting.
      hasAttentionBias: try reader.flag("attention_bias") && !isMistral,
      hasFeedForwardBias: try reader.flag("mlp_bias") && !isMistral)
  }

  /// The class that transformers makes of the file, and whether it has an output head. `model_type` decides where it is
  /// known, as for `AutoModelForCausalLM`.
  private func modelClass(_ reader: ConfigReader) throws(FileError) -> (name: String, hasHead: Bool) {
    let names = (reader.config["architectures"]?.array ?? []).compactMap(\.string)
    let named = Self.classes.first { names.contains($0.name) }
    let ofType = Self.classes.first { .string($0.modelType) == reader.config["model_type"] }
    guard let found = ofType ?? Self.classes.first(where: { $0.modelType == named?.modelType }),
      named != nil || ModelFamilies.family(ofConfig: reader.config) != nil
    else {
      throw reader.malformed("architectures", "names none of \(classNames.joined(separator: ", "))")
    }
    return (found.name, named?.hasHead ?? true)
  }

  private func rope(_ reader: ConfigReader) throws(FileError) -> RotaryEmbedding {
    let parameters = try reader.object("rope_parameters")
    if let layer = parameters?.config.object?.keys.sorted().first(where: { parameters?.config[$0]?.object != nil }) {
      throw reader.unsupported("rope_parameters.\(layer)", "RoPE that differs between layers is not supported")
    }
    func holder(of key: String) -> ConfigReader {
      if let parameters, parameters.has(key) { parameters } else { reader }
    }
    let theta = try holder(of: "rope_theta").positive("rope_theta", default: 10_000)
    let rotated = holder(of: "partial_rotary_factor")
    if try rotated.number("partial_rotary_factor", default: 1) != 1 {
      throw rotated.unsupported("partial_rotary_factor", "rotating a part of each head is not supported")
    }
    let older = try reader.object("rope_scaling")
    guard let scaling = parameters ?? older else { return RotaryEmbedding(theta: theta) }
    let kindKey = scaling.has("rope_type") ? "rope_type" : "type"
    switch try scaling.text(kindKey) ?? "default" {
    case "default":
      return RotaryEmbedding(theta: theta)
    case "linear":
      return RotaryEmbedding(theta: theta, scaling: .linear(factor: try scaling.positive("factor")))
    case "llama3":
      // The top level is where older converters looked; Llama 3.1 itself keeps it in the scaling.
      let originalKey = "original_max_position_embeddings"
      let original = try (scaling.has(originalKey) ? scaling : reader).count(originalKey, default: 8192)
      let low = try scaling.positive("low_freq_factor", default: 1)
      let high = try scaling.positive("high_freq_factor", default: 4)
      guard high > low else { throw scaling.malformed("high_freq_factor", "must be larger than low_freq_factor") }
      return RotaryEmbedding(
        theta: theta,
        scaling: .llama3(
          factor: try scaling.positive("factor", default: 8), lowFrequencyFactor: low, highFrequencyFactor: high,
          originalContextLength: original))
    case let other:
      throw scaling.unsupported(kindKey, "RoPE scaling \"\(other)\" is not supported; linear and llama3 are")
    }
  }

  public func config(for configuration: LlamaConfiguration) -> [String: JSONValue] {
    let isMistral = !configuration.isLlama
    var config: [String: JSONValue] = [
      "architectures": [.string(architecture(of: configuration))],
      "model_type": isMistral ? "mistral" : "llama",
      "hidden_act": "silu",
      "hidden_size": .integer(configuration.hiddenSize),
      "intermediate_size": .integer(configuration.intermediateSize),
      "num_hidden_layers": .integer(configuration.layerCount),
      "num_attention_heads": .integer(configuration.headCount),
      "num_key_value_heads": .integer(configuration.keyValueHeadCount),
      "head_dim": .integer(configuration.headDimension),
      "vocab_size": .integer(configuration.vocabularySize),
      "max_position_embeddings": .integer(configuration.contextLength),
      "rms_norm_eps": .number(shortest(configuration.normEpsilon)),
      "rope_theta": .number(shortest(configuration.rope.theta)),
      "rope_scaling": ropeScaling(configuration.rope.scaling),
      "tie_word_embeddings": .bool(configuration.tiesEmbeddings),
    ]
    if isMistral {
      config["sliding_window"] = configuration.slidingWindow.map(JSONValue.integer) ?? .null
    } else {
      config["attention_bias"] = .bool(configuration.hasAttentionBias)
      config["mlp_bias"] = .bool(configuration.hasFeedForwardBias)
    }
    return config
  }

  /// The class for `architectures`.
  private func architecture(of configuration: LlamaConfiguration) -> String {
    if configuration.hasHead || configuration.tiesEmbeddings { return configuration.className }
    return configuration.isLlama ? "LlamaModel" : "MistralModel"
  }

  public func correct(_ config: inout [String: JSONValue], for configuration: LlamaConfiguration) {
    func isSet(_ key: String) -> Bool { config[key]?.bool ?? false }
    if isSet("tie_word_embeddings") != configuration.tiesEmbeddings {
      config["tie_word_embeddings"] = .bool(configuration.tiesEmbeddings)
    }
    if config["vocab_size"]?.int != configuration.vocabularySize {
      config["vocab_size"] = .integer(configuration.vocabularySize)
    }
    // A bias that is asked for and not stored is zero, which is none.
    for (key, hasBias) in [
      ("attention_bias", configuration.hasAttentionBias), ("mlp_bias", configuration.hasFeedForwardBias),
    ] where hasBias && !isSet(key) {
      config[key] = true
    }
    let architecture = JSONValue.string(architecture(of: configuration))
    if config["architectures"]?.array?.contains(architecture) != true { config["architectures"] = [architecture] }
    if config["model_type"] == nil { config["model_type"] = configuration.isLlama ? "llama" : "mistral" }
  }

  public func checkConfig(for configuration: LlamaConfiguration, path: String) throws(FileError) {
    if case .divisors = configuration.rope.scaling {
      throw FileError(
        .unsupported, path: path, subject: Self.ropeFactorsName,
        "the GGUF holds RoPE factors, but not the settings they were made from, which config.json needs; "
          + "convert from the original model instead")
    }
    if !configuration.allowsBiases, configuration.hasBiases {
      throw FileError(
        .unsupported, path: path, subject: "llama.attention.sliding_window",
        "the model has biases and a sliding window; transformers' Llama has no window and its Mistral no biases, so that "
          + "no folder can be written")
    }
  }

  private func ropeScaling(_ scaling: RotaryEmbedding.Scaling) -> JSONValue {
    switch scaling {
    case .none, .divisors:
      .null
    case .linear(let factor):
      ["rope_type": "linear", "factor": .number(shortest(factor))]
    case .llama3(let factor, let low, let high, let original):
      [
        "rope_type": "llama3", "factor": .number(shortest(factor)), "low_freq_factor": .number(shortest(low)),
        "high_freq_factor": .number(shortest(high)), "original_max_position_embeddings": .integer(original),
      ]
    }
  }

  /// 1e-05 rather than 9.999999747378752e-06: the decimal that a person wrote.
  private func shortest(_ value: Float) -> Double { Double(value.description) ?? Double(value) }
}
