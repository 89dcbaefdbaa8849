public import Bytes
public import JSON

// The hyperparameters in config.json, older spelling (`rope_theta`, `rope_scaling`) and newer (`rope_parameters`).
extension LlamaFamily {
  public func configuration(fromConfig config: JSONValue, path: String) throws(FileError) -> LlamaConfiguration {
    let reader = ConfigReader(config: config, path: path)
    let className = try reader.className(among: classNames)
    if config["hidden_act"]?.string.map({ $0 != "silu" && $0 != "swish" }) == true {
      throw reader.unsupported("hidden_act", "only \"silu\" is supported")
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
    let isMistral = className == "MistralForCausalLM"
    let attentionBias = config["attention_bias"]?.bool ?? false
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
      normEpsilon: Float(try reader.number("rms_norm_eps", default: 1e-6)),
      rope: try rope(reader),
      // Hugging Face's Mistral has a window of 4096 where the key is absent; null is none.
      slidingWindow: isMistral
        ? (config["sliding_window"] == nil ? 4096 : try reader.optionalCount("sliding_window")) : nil,
      tiesEmbeddings: config["tie_word_embeddings"]?.bool ?? false,
      hasAttentionBias: attentionBias,
      hasFeedForwardBias: config["mlp_bias"]?.bool ?? false)
  }

  private func rope(_ reader: ConfigReader) throws(FileError) -> RotaryEmbedding {
    let config = reader.config
    let parameters = config["rope_parameters"].flatMap { $0.isNull ? nil : $0 }
    let scaling = parameters ?? config["rope_scaling"].flatMap { $0.isNull ? nil : $0 }
    let theta = (parameters?["rope_theta"] ?? config["rope_theta"])?.double ?? 10_000
    guard theta.isFinite, theta > 0 else { throw reader.malformed("rope_theta", "is no positive number") }
    if let fraction = (parameters?["partial_rotary_factor"] ?? config["partial_rotary_factor"])?.double, fraction != 1 {
      throw reader.unsupported("partial_rotary_factor", "rotating a part of each head is not supported")
    }
    guard let scaling else { return RotaryEmbedding(theta: Float(theta)) }
    let kindKey = parameters == nil ? "rope_scaling" : "rope_parameters"
    let inner = ConfigReader(config: scaling, path: reader.path, prefix: kindKey + ".")
    switch (scaling["rope_type"] ?? scaling["type"])?.string ?? "default" {
    case "default":
      return RotaryEmbedding(theta: Float(theta))
    case "linear":
      return RotaryEmbedding(theta: Float(theta), scaling: .linear(factor: Float(try inner.positive("factor"))))
    case "llama3":
      // The top level is where older converters looked; Llama 3.1 itself keeps it in the scaling.
      let original = try inner.count(
        "original_max_position_embeddings",
        default: config["original_max_position_embeddings"]?.int ?? 8192)
      let low = try inner.positive("low_freq_factor", default: 1)
      let high = try inner.positive("high_freq_factor", default: 4)
      guard high > low else { throw inner.malformed("high_freq_factor", "must be larger than low_freq_factor") }
      return RotaryEmbedding(
        theta: Float(theta),
        scaling: .llama3(
          factor: Float(try inner.positive("factor", default: 8)), lowFrequencyFactor: Float(low),
          highFrequencyFactor: Float(high), originalContextLength: original))
    case let other:
      throw inner.unsupported("rope_type", "RoPE scaling \"\(other)\" is not supported; linear and llama3 are")
    }
  }

  public func config(for configuration: LlamaConfiguration) -> [String: JSONValue] {
    let isMistral = configuration.className == "MistralForCausalLM"
    var config: [String: JSONValue] = [
      "architectures": [.string(configuration.className)],
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
