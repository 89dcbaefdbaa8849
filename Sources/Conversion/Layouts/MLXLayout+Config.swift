internal import JSON

// RoPE in config.json. transformers 5 writes `rope_parameters`, which most models of mlx-lm pass over, so that they would run with a
// theta of 10,000 and without scaling; they read `rope_theta` and `rope_scaling`. Source: mlx-lm `models/*.py` (`ModelArgs`).
extension MLXLayout {
  func readable(_ config: [String: JSONValue]) -> [String: JSONValue] {
    guard let parameters = config["rope_parameters"]?.object else { return config }
    if let whole = parameters["full_attention"]?.object {
      return Self.ofTwoKinds(config, whole, sliding: parameters["sliding_attention"]?.object ?? [:])
    }
    // Settings by other kinds of layers are those of models that read them.
    guard !parameters.values.contains(where: { $0.object != nil }) else { return config }
    var config = config
    config["rope_theta"] = config["rope_theta"]?.unlessNull ?? parameters["rope_theta"]
    config["partial_rotary_factor"] = config["partial_rotary_factor"]?.unlessNull ?? parameters["partial_rotary_factor"]
    if config["rope_scaling"]?.unlessNull == nil, let scaling = Self.scaling(parameters) {
      config["rope_scaling"] = scaling
    }
    return config
  }

  /// Gemma 3 and OLMo 3: `rope_scaling` is that of layers without a window. Beside it transformers takes no `rope_parameters`.
  private static func ofTwoKinds(
    _ config: [String: JSONValue], _ whole: [String: JSONValue], sliding: [String: JSONValue]
  ) -> [String: JSONValue] {
    guard config["rope_theta"]?.unlessNull == nil, config["rope_scaling"]?.unlessNull == nil else { return config }
    var result = config
    result["rope_theta"] = whole["rope_theta"]
    if let local = sliding["rope_theta"], local != whole["rope_theta"] { result["rope_local_base_freq"] = local }
    guard let scaling = scaling(whole) else { return result }
    result["rope_scaling"] = scaling
    result["rope_parameters"] = nil
    return result
  }

  /// What `rope_scaling` says; nil where RoPE is the usual one.
  private static func scaling(_ parameters: [String: JSONValue]) -> JSONValue? {
    guard let kind = (parameters["rope_type"] ?? parameters["type"])?.string, kind != "default" else { return nil }
    var scaling = parameters
    scaling["rope_theta"] = nil
    scaling["partial_rotary_factor"] = nil
    // Some of its models know the one name, others the other.
    (scaling["rope_type"], scaling["type"]) = (.string(kind), .string(kind))
    return .object(scaling)
  }
}
