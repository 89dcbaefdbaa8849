internal import Bytes
internal import JSON
internal import Tensors

/// Llama and Mistral: RMS norms, grouped-query attention with RoPE, gated feed-forward layers.
///
/// Names and the row order follow llama.cpp's converter for the `llama` architecture: the rows of the q and k
/// projections (and their biases) are interleaved head by head, everything else is only renamed.
struct LlamaFamily: DecoderFamily {
  private static let llama = ModelClass("LlamaForCausalLM", "llama")
  private static let mistral = ModelClass("MistralForCausalLM", "mistral")
  private static let mixtral = ModelClass("MixtralForCausalLM", "mixtral")

  /// The usual one of each type first.
  let classes = [
    Self.llama, ModelClass("LlamaModel", "llama", hasHead: false), ModelClass("LLaMAForCausalLM", "llama"),
    Self.mistral, ModelClass("MistralModel", "mistral", hasHead: false), Self.mixtral,
  ]
  var ggufArchitecture: String? { "llama" }

  let hyperparameters =
    Hyperparameter.usual(context: nil) + [
      Hyperparameter(
        .slidingWindow, .count(least: 1, most: 1 << 31), config: ["sliding_window"], gguf: "attention.sliding_window",
        configDefault: .none, ggufDefault: .none, isSaidInGGUF: { _ in false }),
      .flag(.hasAttentionBias, "attention_bias"),
      .flag(.hasFeedForwardBias, "mlp_bias"),
      Hyperparameter(
        .expertCount, .count(least: 1, most: 1 << 16), config: ["num_local_experts", "num_experts"],
        gguf: "expert_count",
        configDefault: .none, ggufDefault: .none),
      Hyperparameter(
        .usedExpertCount, .count(least: 1, most: 1 << 16), config: ["num_experts_per_tok"], gguf: "expert_used_count",
        configDefault: .none, ggufDefault: .none),
    ]

  let names =
    NameRow.usualGlobals + NameRow.usualAttention(.interleavesHeads) + NameRow.usualFeedForward + NameRow.usualNorms
    + NameRow.experts("block_sparse_moe", gate: "w1", up: "w3", down: "w2", router: "gate")

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    if let config = source.config {
      let isMixtral = source.modelClass.modelType == Self.mixtral.modelType
      let isMistral = source.modelClass.modelType == Self.mistral.modelType || isMixtral
      if isMixtral {
        if values[.expertCount] == nil { values[.expertCount] = .count(8) }
        if values[.usedExpertCount] == nil { values[.usedExpertCount] = .count(2) }
        if config.config["rms_norm_eps"] == nil { values[.normEpsilon] = .number(1e-5) }
        if config.config["num_key_value_heads"] == nil { values[.keyHeadCount] = .count(8) }
      } else {
        values[.expertCount] = nil
        values[.usedExpertCount] = nil
      }
      if values[.contextLength] == nil { values[.contextLength] = .count(isMistral ? 131_072 : 2048) }
      if !isMistral {
        values[.slidingWindow] = nil
      } else if config.config["sliding_window"] == nil, !isMixtral {
        // Hugging Face's Mistral has a window of 4096 where the key is absent; null is none.
        values[.slidingWindow] = .count(4096)
      }
      // transformers' Mistral knows neither setting.
      if isMistral { for key in [Hyperparameter.Key.hasAttentionBias, .hasFeedForwardBias] { values[key] = nil } }
      guard try values.activation(source) == .silu else {
        throw config.unsupported("hidden_act", "\(values.text(.activation) ?? "") is not supported; silu is")
      }
    } else {
      if values[.slidingWindow] != nil { source.modelClass = Self.mistral }
      if values[.expertCount] != nil {
        guard values[.usedExpertCount] != nil else {
          throw source.setting.malformed(
            "expert_count", "is there without \(source.setting.subject("expert_used_count"))")
        }
        source.modelClass = Self.mixtral
      }
      values[.hasAttentionBias] = .flag(["attn_q", "attn_k", "attn_v", "attn_output"].contains(where: source.hasBias))
      values[.hasFeedForwardBias] = .flag(["ffn_gate", "ffn_up", "ffn_down"].contains(where: source.hasBias))
    }
    try values.completeHeads(source, turnsWholeHeads: source.metadata != nil)
  }

  func ggufNotes(_ model: DecoderModel) -> [String] { model.windowThatNoGGUFHas }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    var attention = Attention(
      headCount: values.size(.headCount), keyHeadCount: values.size(.keyHeadCount),
      headDimension: values.size(.headDimension),
      rotation: values.rotation(
        source, theta: source.config != nil && source.modelClass == Self.mixtral ? 1_000_000 : 10_000))
    attention.window = values.count(.slidingWindow)
    let hasBias = values.flag(.hasAttentionBias)
    attention.biases = Attention.Biases(inputs: hasBias, output: hasBias)
    let norm = Norm(.rootMeanSquare, epsilon: values.number(.normEpsilon) ?? 0)
    let hasFeedForwardBias = values.flag(.hasFeedForwardBias)
    let layer = DecoderLayer(
      attention: attention,
      feedForward: FeedForward(
        size: values.size(.intermediateSize), activation: .silu, isGated: true, hasInputBias: hasFeedForwardBias,
        hasOutputBias: hasFeedForwardBias,
        experts: values[.expertCount] == nil ? nil : FeedForward.Experts(values, .softmaxOfUsed)),
      attentionNorm: norm, feedForwardNorm: norm)
    return Decoder(repeating: layer, finalNorm: norm, values)
  }

  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] {
    isMistral(model)
      ? ["sliding_window": model.values.count(.slidingWindow).map(JSONValue.integer) ?? .null]
      : [
        "attention_bias": .bool(model.values.flag(.hasAttentionBias)),
        "mlp_bias": .bool(model.values.flag(.hasFeedForwardBias)),
      ]
  }

  private func isMistral(_ model: DecoderModel) -> Bool { model.modelClass.modelType != Self.llama.modelType }

  private func hasBiases(_ model: DecoderModel) -> Bool {
    model.values.flag(.hasAttentionBias) || model.values.flag(.hasFeedForwardBias)
  }

  func checkConfig(_ model: DecoderModel, path: String) throws(FileError) {
    guard isMistral(model), hasBiases(model) else { return }
    throw FileError(
      .unsupported, path: path, subject: "llama.attention.sliding_window",
      "the model has biases and a sliding window; transformers' Llama has no window and its Mistral no biases, so that "
        + "no folder can be written")
  }

  func metadata(_ model: DecoderModel, path: String) throws(FileError) -> [(key: String, value: MetadataValue)] {
    model.values.count(.slidingWindow).map {
      [("llama.attention.sliding_window", .uint32(UInt32(clamping: $0)))]
    } ?? []
  }

  /// A GGUF does not tell the class, nor biases that are asked for and not stored.
  func comparable(_ decoder: Decoder) -> Decoder {
    var result = decoder
    result.changeLayers { layer in
      layer.attention.window = nil
      layer.attention.biases = Attention.Biases()
      (layer.feedForward.hasInputBias, layer.feedForward.hasOutputBias) = (false, false)
    }
    return result
  }

  /// A class that has no biases would not compute what a GGUF with biases does.
  func agrees(_ kept: DecoderModel, with stored: DecoderModel) -> Bool { !isMistral(kept) || !hasBiases(stored) }

  func take(_ kept: inout DecoderModel, from stored: DecoderModel) {
    for key in [Hyperparameter.Key.hasAttentionBias, .hasFeedForwardBias] where stored.values.flag(key) {
      kept.values[key] = .flag(true)
    }
    let window = stored.values.count(.slidingWindow) ?? kept.values.count(.slidingWindow)
    kept.values[.slidingWindow] = window.map { .count($0) }
    let (attention, feedForward) = (kept.values.flag(.hasAttentionBias), kept.values.flag(.hasFeedForwardBias))
    kept.decoder.changeLayers { layer in
      layer.attention.window = window
      layer.attention.biases = Attention.Biases(inputs: attention, output: attention)
      (layer.feedForward.hasInputBias, layer.feedForward.hasOutputBias) = (feedForward, feedForward)
    }
  }
}
