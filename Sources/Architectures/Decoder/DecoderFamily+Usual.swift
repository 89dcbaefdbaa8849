internal import Bytes
internal import JSON

// What most families since Llama have in common: settings, names and the layer. A family takes what it needs of it.

extension Hyperparameter {
  /// The largest models have some hundred.
  static let mostHeads = 1 << 16
  static let mostLayers = 10_000

  /// The settings of Llama's lineage, in the order in which llama.cpp's converter writes them.
  /// - Parameters:
  ///   - context: the longest context where config.json does not say; nil where it depends on the class.
  ///   - epsilon: of norms, where config.json does not say.
  static func usual(
    context: Int?, epsilon: Double = 1e-6, isLayerNorm: Bool = false, keyHeads: Default = .heads,
    activation: Activation = .silu, activationKey: String = "hidden_act", headDimension: Default = .none
  ) -> [Hyperparameter] {
    [
      .count(.layerCount, "num_hidden_layers", gguf: "block_count", most: mostLayers),
      .count(
        .contextLength, "max_position_embeddings", gguf: "context_length",
        default: context.map { .value(.count($0)) } ?? .none),
      .count(.hiddenSize, "hidden_size", gguf: "embedding_length"),
      .count(.intermediateSize, "intermediate_size", gguf: "feed_forward_length"),
      .count(.headCount, "num_attention_heads", gguf: "attention.head_count", most: mostHeads),
      .count(
        .keyHeadCount, "num_key_value_heads", gguf: "attention.head_count_kv", default: keyHeads, ggufDefault: .heads,
        most: mostHeads),
      .number(.ropeTheta, gguf: "rope.freq_base", default: .none, ggufDefault: Default.none),
      isLayerNorm
        ? .number(
          .normEpsilon, "layer_norm_eps", gguf: "attention.layer_norm_epsilon", default: .value(.number(epsilon)))
        : .number(
          .normEpsilon, "rms_norm_eps", gguf: "attention.layer_norm_rms_epsilon", default: .value(.number(epsilon))),
      .count(
        .headDimension, "head_dim", gguf: "attention.key_length", default: headDimension, ggufDefault: Default.none),
      .count(.valueDimension, gguf: "attention.value_length", default: .none, ggufDefault: Default.none),
      .count(.vocabularySize, "vocab_size", gguf: "vocab_size", ggufDefault: Default.none),
      .count(.rotaryDimension, gguf: "rope.dimension_count", default: .none, ggufDefault: Default.none),
      .text(.activation, activationKey, default: .value(.text(activation.configName))),
    ]
  }
}

extension Hyperparameter.Default {
  /// As many heads of keys as of queries.
  static let heads = Self.derived { $0[.headCount] }
}

extension Hyperparameter.Key {
  static let ropeTheta: Self = "theta"
  /// Whether the class knows a share of each head that is turned.
  static let turnsPart: Self = "turns a part of heads"
  static let valueDimension: Self = "dimension of values"
}

extension Activation {
  /// As config.json names it.
  var configName: String {
    switch self {
    case .silu, .swigluOAI: "silu"
    case .gelu: "gelu"
    case .geluTanh: "gelu_pytorch_tanh"
    case .relu: "relu"
    }
  }

  /// - Parameter name: as config.json names it. Source: `ACT2FN` of transformers.
  init?(configName name: String) {
    switch name {
    case "silu", "swish": self = .silu
    case "gelu", "gelu_python": self = .gelu
    case "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_accurate": self = .geluTanh
    case "relu": self = .relu
    default: return nil
    }
  }
}

extension Hyperparameters {
  /// The activation that is named, or the error that it is not known.
  func activation(_ source: DecoderSource, _ key: String = "hidden_act") throws(FileError) -> Activation {
    let name = text(.activation) ?? ""
    guard let activation = Activation(configName: name) else {
      throw source.setting.unsupported(key, "\(name) is not supported; silu, gelu and relu are")
    }
    return activation
  }

  /// Settles heads and their dimensions.
  /// - Parameters:
  ///   - rotaryShare: the share of each head that is turned.
  ///   - turnsWholeHeads: whether what a GGUF says is turned is the whole head, for old files that do not say its width.
  mutating func completeHeads(
    _ source: DecoderSource, rotaryShare: Double = 1, turnsWholeHeads: Bool = false
  ) throws(FileError) {
    let (hiddenSize, headCount, keyHeadCount) = (size(.hiddenSize), size(.headCount), size(.keyHeadCount))
    let isConfig = source.config != nil
    guard keyHeadCount > 0, headCount % keyHeadCount == 0 else {
      throw source.setting.malformed(
        isConfig ? "num_key_value_heads" : "attention.head_count_kv",
        "does not divide the \(headCount) attention heads")
    }
    let dimension =
      count(.headDimension) ?? (turnsWholeHeads ? count(.rotaryDimension) : nil) ?? hiddenSize / headCount
    guard dimension > 0, dimension % 2 == 0 else {
      throw source.setting.malformed(
        isConfig ? "head_dim" : "attention.key_length",
        "a head of \(dimension) elements cannot be rotated in pairs")
    }
    if let values = count(.valueDimension), values != dimension {
      throw source.setting.unsupported(
        "attention.value_length", "is \(values), but keys have \(dimension) elements a head; both have to be the same")
    }
    self[.headDimension] = .count(dimension)
    self[.valueDimension] = .count(dimension)
    // RoPE is not understood where the file says another number.
    if turnsWholeHeads { self[.rotaryDimension] = .count(dimension) }
    if self[.rotaryDimension] == nil { self[.rotaryDimension] = .count(Int(Double(dimension) * rotaryShare)) }
    let turned = size(.rotaryDimension)
    guard turned <= dimension, turned % 2 == 0 else {
      throw source.setting.malformed(
        isConfig ? "partial_rotary_factor" : "rope.dimension_count",
        "turns \(turned) of the \(dimension) elements of each head; an even number of at most all can be turned")
    }
  }

  /// How heads are turned, from wherever it is said; keeps the theta for the other form.
  mutating func rotation(
    _ source: DecoderSource, theta: Double = 10_000, isInterleaved: Bool = false,
    _ change: (inout RotaryEmbedding.ConfigRules) -> Void = { _ in }
  ) -> Attention.Rotation {
    var rules = RotaryEmbedding.ConfigRules(
      dimension: size(.rotaryDimension), contextLength: size(.contextLength), theta: theta)
    change(&rules)
    if rules.turnsPart { self[.turnsPart] = .flag(true) }
    let embedding = source.rope(rules)
    self[.ropeTheta] = .number(Double(embedding.theta))
    return Attention.Rotation(embedding, dimension: size(.rotaryDimension), isInterleaved: isInterleaved)
  }
}

extension NameRow {
  /// Names of Llama's lineage outside of layers.
  static let usualGlobals: [NameRow] = [
    NameRow(.tokenEmbedding, "embed_tokens", "token_embd"),
    NameRow(.finalNorm, "norm", "output_norm"),
    NameRow(.head, "lm_head", "output"),
  ]

  /// Attention of Llama's lineage.
  static func usualAttention(_ change: Change = .none) -> [NameRow] {
    [
      NameRow(.query, "self_attn.q_proj", "attn_q", change: change),
      NameRow(.key, "self_attn.k_proj", "attn_k", change: change),
      NameRow(.value, "self_attn.v_proj", "attn_v"),
      NameRow(.attentionOutput, "self_attn.o_proj", "attn_output"),
    ]
  }

  /// The gated feed-forward network of Llama's lineage.
  static let usualFeedForward: [NameRow] = [
    NameRow(.gate, "mlp.gate_proj", "ffn_gate"),
    NameRow(.up, "mlp.up_proj", "ffn_up"),
    NameRow(.down, "mlp.down_proj", "ffn_down"),
  ]

  /// Norms of what both give.
  static let usualPostNorms: [NameRow] = [
    NameRow(.attentionPostNorm, "post_attention_layernorm", "post_attention_norm"),
    NameRow(.feedForwardPostNorm, "post_feedforward_layernorm", "post_ffw_norm"),
  ]

  /// Norms before both.
  static let usualNorms: [NameRow] = [
    NameRow(.attentionNorm, "input_layernorm", "attn_norm"),
    NameRow(.feedForwardNorm, "post_attention_layernorm", "ffn_norm"),
  ]
}

extension Decoder {
  /// A decoder of these layers, alike ones as one kind.
  init(layers: [DecoderLayer], finalNorm: Norm?, _ values: Hyperparameters) {
    var kinds: [DecoderLayer] = []
    var kindOfLayer: [Int] = []
    var numbers: [DecoderLayer: Int] = [:]
    for layer in layers {
      let kind = numbers[layer] ?? kinds.count
      if kind == kinds.count {
        numbers[layer] = kind
        kinds.append(layer)
      }
      kindOfLayer.append(kind)
    }
    self.init(
      hiddenSize: values.size(.hiddenSize), vocabularySize: values.size(.vocabularySize),
      contextLength: values.size(.contextLength), layerKinds: kinds, kindOfLayer: kindOfLayer, finalNorm: finalNorm)
    tiesHead = values.flag(.tiesHead)
  }

  /// The same with kinds of layers in the order in which they come first.
  init(sorting other: Decoder) {
    self = other
    let sorted = Decoder(
      layers: other.kindOfLayer.map { other.layerKinds[$0] }, finalNorm: other.finalNorm, Hyperparameters())
    (layerKinds, kindOfLayer) = (sorted.layerKinds, sorted.kindOfLayer)
  }

  /// As many layers as the settings say, all alike.
  init(repeating layer: DecoderLayer, finalNorm: Norm?, _ values: Hyperparameters) {
    self.init(
      layers: Array(repeating: layer, count: values.size(.layerCount)), finalNorm: finalNorm, values)
  }
}
