public import Bytes
public import JSON

// The hyperparameters in config.json; those of RoPE have a file of their own.
extension LlamaFamily {
  public func configuration(fromConfig config: JSONValue, path: String) throws(FileError) -> LlamaConfiguration {
    let reader = ConfigReader(config: config, path: path)
    let (className, hasHead) = try modelClass(reader)
    if let activation = try reader.text("hidden_act"), activation != "silu", activation != "swish" {
      throw reader.unsupported("hidden_act", "\(activation) is not supported; silu is")
    }
    let hiddenSize = try reader.count("hidden_size")
    let headCount = try reader.count("num_attention_heads", limit: Self.mostHeads)
    let keyValueHeadCount = try reader.count("num_key_value_heads", default: headCount, limit: Self.mostHeads)
    guard headCount % keyValueHeadCount == 0 else {
      throw reader.malformed("num_key_value_heads", "does not divide the \(headCount) attention heads")
    }
    let headDimension = try reader.count("head_dim", default: hiddenSize / headCount)
    guard headDimension > 0, headDimension % 2 == 0 else {
      throw reader.malformed("head_dim", "a head of \(headDimension) elements cannot be rotated in pairs")
    }
    let isMistral = className == LlamaConfiguration.mistral
    let contextLength = try reader.count("max_position_embeddings", default: isMistral ? 131_072 : 2048)
    return LlamaConfiguration(
      className: className,
      hiddenSize: hiddenSize,
      intermediateSize: try reader.count("intermediate_size"),
      layerCount: try reader.count("num_hidden_layers", limit: 10_000),
      headCount: headCount,
      keyValueHeadCount: keyValueHeadCount,
      headDimension: headDimension,
      vocabularySize: try reader.count("vocab_size"),
      contextLength: contextLength,
      normEpsilon: try reader.positive("rms_norm_eps", default: 1e-6),
      rope: rope(reader, headDimension: headDimension, contextLength: contextLength),
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

  public func config(for configuration: LlamaConfiguration) throws(FileError) -> [String: JSONValue] {
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
      "tie_word_embeddings": .bool(configuration.tiesEmbeddings),
    ]
    config.merge(try ropeEntries(for: configuration)) { _, rope in rope }
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
    if !configuration.allowsBiases, configuration.hasBiases {
      throw FileError(
        .unsupported, path: path, subject: "llama.attention.sliding_window",
        "the model has biases and a sliding window; transformers' Llama has no window and its Mistral no biases, so that "
          + "no folder can be written")
    }
  }

  /// 1e-05 rather than 9.999999747378752e-06: the decimal that a person wrote.
  func shortest(_ value: Float) -> Double { Double(value.description) ?? Double(value) }
}
