internal import Bytes

// What families put their decoders together from.

extension Hyperparameters {
  /// Attention with the heads that are settled.
  func attention(
    _ rotation: Attention.Rotation?, biases: Attention.Biases = .init(), scale: Float? = nil
  ) -> Attention {
    var attention = Attention(
      headCount: size(.headCount), keyHeadCount: size(.keyHeadCount), headDimension: size(.headDimension),
      rotation: rotation, scale: scale)
    attention.biases = biases
    return attention
  }

  func rmsNorm(offset: Float = 0) -> Norm {
    Norm(.rootMeanSquare, epsilon: number(.normEpsilon) ?? 0, weightOffset: offset)
  }

  func layerNorm(hasBias: Bool = true, hasWeight: Bool = true) -> Norm {
    Norm(.layer, epsilon: number(.normEpsilon) ?? 0, hasWeight: hasWeight, hasBias: hasBias)
  }

  func feedForward(
    _ activation: Activation, isGated: Bool = true, hasBias: Bool = false, experts: FeedForward.Experts? = nil
  ) -> FeedForward {
    FeedForward(
      size: experts == nil ? size(.intermediateSize) : count(.expertSize) ?? size(.intermediateSize),
      activation: activation, isGated: isGated, hasInputBias: hasBias, hasOutputBias: hasBias, experts: experts)
  }

  /// Which layers have a window: what a list of kinds says, or a rule where there is none.
  func slidingLayers(unlessListed isSliding: (_ layer: Int) -> Bool) -> [Bool] {
    let layers = 0..<size(.layerCount)
    guard let kinds = texts(.layerKinds), kinds.count >= layers.count else { return layers.map(isSliding) }
    return layers.map { kinds[$0] == "sliding_attention" }
  }

  /// - Throws: `FileError` for a list of kinds that are not known, or that has too few.
  func checkLayerKinds(_ source: DecoderSource) throws(FileError) {
    guard let kinds = texts(.layerKinds) else { return }
    if let other = kinds.first(where: { !["sliding_attention", "full_attention"].contains($0) }) {
      throw source.setting.unsupported("layer_types", "layers of the kind \(FileError.quoted(other)) are not supported")
    }
    guard kinds.count == size(.layerCount) else {
      throw source.setting.malformed(
        "layer_types", "lists \(kinds.count) layers, but there are \(size(.layerCount))")
    }
  }
}

extension [Hyperparameter] {
  /// These rows, of which some are read from GGUFs but not written to them.
  func silent(_ keys: Hyperparameter.Key...) -> [Hyperparameter] {
    map { row in
      guard keys.contains(row.key) else { return row }
      return Hyperparameter(
        row.key, row.kind, config: row.config, gguf: row.gguf, configDefault: row.configDefault,
        ggufDefault: row.ggufDefault, nullIsNone: row.nullIsNone, isSaidInGGUF: { _ in false })
    }
  }

  /// These rows, one of which has other names in config.json.
  func naming(_ key: Hyperparameter.Key, _ config: String...) -> [Hyperparameter] {
    map { row in
      guard row.key == key else { return row }
      return Hyperparameter(
        row.key, row.kind, config: config, gguf: row.gguf, configDefault: row.configDefault,
        ggufDefault: row.ggufDefault, nullIsNone: row.nullIsNone, isSaidInGGUF: row.isSaidInGGUF)
    }
  }

  /// These rows, one of which has another default in config.json.
  func defaulting(_ key: Hyperparameter.Key, _ fallback: Hyperparameter.Default) -> [Hyperparameter] {
    map { row in
      guard row.key == key else { return row }
      return Hyperparameter(
        row.key, row.kind, config: row.config, gguf: row.gguf, configDefault: fallback, ggufDefault: row.ggufDefault,
        nullIsNone: row.nullIsNone, isSaidInGGUF: row.isSaidInGGUF)
    }
  }

  /// What most families that have no setting for the dimension of heads write.
  var plain: [Hyperparameter] { silent(.vocabularySize, .rotaryDimension, .headDimension, .valueDimension) }

  /// What most families with such a setting write.
  var withHeadDimension: [Hyperparameter] { silent(.vocabularySize, .rotaryDimension) }
}

extension Hyperparameter {
  /// The list of the kinds of layers; GGUFs have patterns of their own.
  static let layerKindList = Hyperparameter(
    .layerKinds, .texts, config: ["layer_types"], configDefault: .none, ggufDefault: .none)

  /// The list of a GGUF of which layers have windows.
  static let windowPatternList = Hyperparameter(
    .windowPattern, .flags, gguf: "attention.sliding_window_pattern", configDefault: .none, ggufDefault: .none)

  static func window(config: [String] = ["sliding_window"], default fallback: Default = .none) -> Hyperparameter {
    Hyperparameter(
      .slidingWindow, .count(least: 1, most: 1 << 31), config: config, gguf: "attention.sliding_window",
      configDefault: fallback, ggufDefault: .none, nullIsNone: true)
  }

  static func experts(
    count: String..., used: Int? = nil, gguf isSaid: Bool = true
  ) -> [Hyperparameter] {
    [
      Hyperparameter(
        .expertCount, .count(least: 1, most: 1 << 16), config: count, gguf: "expert_count"),
      Hyperparameter(
        .usedExpertCount, .count(least: 1, most: 1 << 16), config: ["num_experts_per_tok"],
        gguf: "expert_used_count", configDefault: used.map { .value(.count($0)) } ?? .required),
    ]
  }
}

extension FeedForward.Experts {
  init(
    _ values: Hyperparameters, _ weighting: Weighting, isNormalized: Bool = false, hasRouterBias: Bool = false,
    sharedSize: Int? = nil, isSharedGated: Bool = false
  ) {
    self.init(
      count: values.size(.expertCount), usedCount: values.size(.usedExpertCount), weighting: weighting,
      isNormalized: isNormalized, hasRouterBias: hasRouterBias, sharedSize: sharedSize, isSharedGated: isSharedGated)
  }
}

extension NameRow {
  /// A feed-forward network of two products.
  static func plainFeedForward(_ up: String, _ down: String) -> [NameRow] {
    [NameRow(.up, up, "ffn_up"), NameRow(.down, down, "ffn_down")]
  }

  /// Norms of queries and keys.
  static func headNorms(_ query: String, _ key: String, change: Change = .none) -> [NameRow] {
    [
      NameRow(.queryNorm, query, "attn_q_norm", change: change),
      NameRow(.keyNorm, key, "attn_k_norm", change: change),
    ]
  }

  /// Experts with a name each, gated.
  static func experts(_ module: String, gate: String, up: String, down: String, router: String) -> [NameRow] {
    [
      NameRow(.router, "\(module).\(router)", "ffn_gate_inp"),
      NameRow(.expertGate, huggingFace: ["\(module).experts.{expert}.\(gate)"], .experts, gguf: ["ffn_gate_exps"]),
      NameRow(.expertUp, huggingFace: ["\(module).experts.{expert}.\(up)"], .experts, gguf: ["ffn_up_exps"]),
      NameRow(.expertDown, huggingFace: ["\(module).experts.{expert}.\(down)"], .experts, gguf: ["ffn_down_exps"]),
    ]
  }
}
