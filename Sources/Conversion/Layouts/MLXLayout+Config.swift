internal import JSON

// mlx-lm reads config.json itself, by the names that older checkpoints have: `rope_theta` and `rope_scaling`, not the
// `rope_parameters` of transformers 5, without which a model would run with a theta of 10,000 and without scaling. Source: mlx-lm
// `models/*.py` (`ModelArgs`).
extension MLXLayout {
  func readable(_ config: [String: JSONValue]) -> (config: [String: JSONValue], notes: [Note]) {
    var (config, notes) = Self.withOlderRope(config)
    let kind = config["model_type"]?.string ?? ""
    func set(_ key: String, _ value: JSONValue?) { config[key] = config[key]?.unlessNull ?? value }
    switch kind {
    case "qwen3_moe": set("num_experts", config["num_local_experts"])
    case "gpt_neox":
      set("rotary_emb_base", config["rope_theta"])
      set("rotary_pct", config["partial_rotary_factor"])
    case "exaone4":
      if config["rope_scaling"] == nil { config["rope_scaling"] = JSONValue.null }
      if let size = config["hidden_size"]?.int, let heads = config["num_attention_heads"]?.int, heads > 0 {
        set("head_dim", .integer(size / heads))
      }
    case "gemma2":
      if let window = config["sliding_window"]?.int {
        notes.append(
          Note("mlx-lm gives no layer of a Gemma 2 its window, so that texts of more than \(window) tokens differ"))
      }
    default: break
    }
    let scaling = config["rope_scaling"]?.object ?? config["rope_parameters"]?.object
    if scaling?["rope_type"]?.string == "yarn", scaling?["truncate"]?.bool == false {
      notes.append(
        Note("mlx-lm rounds where the ramp of yarn begins and ends, which this model does not: its results differ"))
    }
    return (config, notes)
  }

  private static func withOlderRope(_ config: [String: JSONValue]) -> (config: [String: JSONValue], notes: [Note]) {
    guard let parameters = config["rope_parameters"]?.object else { return (config, []) }
    if let whole = parameters["full_attention"]?.object {
      return ofTwoKinds(config, whole, sliding: parameters["sliding_attention"]?.object ?? [:])
    }
    // Settings by other kinds of layers are those of models that read them.
    guard !parameters.values.contains(where: { $0.object != nil }) else { return (config, []) }
    var config = config
    config["rope_theta"] = config["rope_theta"]?.unlessNull ?? parameters["rope_theta"]
    config["partial_rotary_factor"] = config["partial_rotary_factor"]?.unlessNull ?? parameters["partial_rotary_factor"]
    if config["rope_scaling"]?.unlessNull == nil, let scaling = scaling(parameters) {
      config["rope_scaling"] = scaling
    }
    return (config, [])
  }

  /// Gemma 3 and OLMo 3: `rope_scaling` is that of layers without a window. Beside it transformers takes no `rope_parameters`.
  private static func ofTwoKinds(
    _ config: [String: JSONValue], _ whole: [String: JSONValue], sliding: [String: JSONValue]
  ) -> (config: [String: JSONValue], notes: [Note]) {
    guard config["rope_theta"]?.unlessNull == nil, config["rope_scaling"]?.unlessNull == nil else {
      return (config, [])
    }
    var result = config
    result["rope_theta"] = whole["rope_theta"]
    let isGemma = config["model_type"]?.string?.hasPrefix("gemma3") == true
    let (theta, local) = (whole["rope_theta"]?.double, sliding["rope_theta"]?.double)
    if isGemma, let local = sliding["rope_theta"] { result["rope_local_base_freq"] = local }
    // In the older spelling of OLMo 3 layers with windows have this one, whatever is said.
    let isSpelledBefore = isGemma || (theta == 500_000 && local == theta)
    var notes: [Note] = []
    if !isGemma, theta != local {
      notes.append(Note("mlx-lm has one theta of RoPE for all layers of this model, which has two"))
    }
    guard let scaling = scaling(whole) else { return (result, notes) }
    guard isSpelledBefore else {
      notes.append(Note("mlx-lm does not scale RoPE as this model does, whose config.json has no older spelling"))
      return (result, notes)
    }
    result["rope_scaling"] = scaling
    result["rope_parameters"] = nil
    return (result, notes)
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
