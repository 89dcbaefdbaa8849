internal import JSON
internal import Tensors

/// A setting of a family of models: what it is called in config.json and in a GGUF, what it may be, and what holds where
/// it is not said. One row of it serves both readers and both writers.
struct Hyperparameter: Sendable {
  /// What code calls a setting.
  struct Key: Hashable, Sendable, ExpressibleByStringLiteral {
    let name: String
    init(stringLiteral name: String) { self.name = name }
  }

  /// A setting's value.
  enum Value: Hashable, Sendable {
    case count(Int)
    case number(Double)
    case flag(Bool)
    case text(String)
    case counts([Int])
    case flags([Bool])
    case texts([String])
  }

  enum Kind: Sendable {
    /// A whole number from `least` to `most`.
    case count(least: Int, most: Int)
    /// A number that is finite as a Float, larger than 0 where `isPositive`.
    case number(isPositive: Bool)
    case flag
    case text
    case counts
    case flags
    case texts
  }

  /// What holds where a file does not say.
  enum Default: Sendable {
    case required
    /// Nothing: the model has no such thing.
    case none
    case value(Value)
    /// What follows from settings of rows before.
    case derived(@Sendable (Hyperparameters) -> Value?)
  }

  let key: Key
  /// Names in config.json: the one that is written, then others that are read.
  let config: [String]
  /// The key in a GGUF, after the architecture and a dot; nil for what a GGUF does not say.
  let gguf: String?
  let kind: Kind
  let configDefault: Default
  let ggufDefault: Default
  /// Whether a GGUF says it: some keys are written only where they change something.
  let isSaidInGGUF: @Sendable (Hyperparameters) -> Bool
  /// Whether null in config.json means nothing rather than the default.
  let nullIsNone: Bool

  init(
    _ key: Key, _ kind: Kind, config: [String] = [], gguf: String? = nil, configDefault: Default = .required,
    ggufDefault: Default = .required, nullIsNone: Bool = false,
    isSaidInGGUF: @escaping @Sendable (Hyperparameters) -> Bool = { _ in true }
  ) {
    self.key = key
    self.kind = kind
    self.config = config
    self.gguf = gguf
    self.configDefault = configDefault
    self.ggufDefault = ggufDefault
    self.nullIsNone = nullIsNone
    self.isSaidInGGUF = isSaidInGGUF
  }
}

extension Hyperparameter {
  /// A whole number of at least 1.
  static func count(
    _ key: Key, _ config: String..., gguf: String? = nil, default fallback: Default = .required,
    ggufDefault: Default? = nil, most: Int = 1 << 31, nullIsNone: Bool = false
  ) -> Hyperparameter {
    Hyperparameter(
      key, .count(least: 1, most: most), config: config, gguf: gguf, configDefault: fallback,
      ggufDefault: ggufDefault ?? (gguf == nil ? fallback : .required), nullIsNone: nullIsNone)
  }

  /// A number; nil for none where `default` says so.
  static func number(
    _ key: Key, _ config: String..., gguf: String? = nil, default fallback: Default = .required,
    ggufDefault: Default? = nil, isPositive: Bool = true, nullIsNone: Bool = false
  ) -> Hyperparameter {
    Hyperparameter(
      key, .number(isPositive: isPositive), config: config, gguf: gguf, configDefault: fallback,
      ggufDefault: ggufDefault ?? (gguf == nil ? fallback : .required), nullIsNone: nullIsNone)
  }

  static func flag(
    _ key: Key, _ config: String..., gguf: String? = nil, default fallback: Bool = false
  ) -> Hyperparameter {
    Hyperparameter(
      key, .flag, config: config, gguf: gguf, configDefault: .value(.flag(fallback)),
      ggufDefault: .value(.flag(fallback)))
  }

  static func text(
    _ key: Key, _ config: String..., gguf: String? = nil, default fallback: Default = .none
  ) -> Hyperparameter {
    Hyperparameter(key, .text, config: config, gguf: gguf, configDefault: fallback, ggufDefault: fallback)
  }
}

extension Hyperparameter.Key {
  static let hiddenSize: Self = "hidden size"
  static let intermediateSize: Self = "feed-forward size"
  static let layerCount: Self = "layers"
  static let headCount: Self = "heads"
  static let keyHeadCount: Self = "key heads"
  static let headDimension: Self = "head dimension"
  static let rotaryDimension: Self = "rotary dimension"
  static let rotaryShare: Self = "rotary share"
  static let vocabularySize: Self = "vocabulary"
  static let contextLength: Self = "context"
  static let normEpsilon: Self = "epsilon of norms"
  static let slidingWindow: Self = "sliding window"
  static let activation: Self = "activation"
  static let attentionScale: Self = "attention scale"
  static let embeddingScale: Self = "embedding scale"
  static let residualScale: Self = "residual scale"
  static let logitScale: Self = "logit scale"
  static let logitSoftCap: Self = "logit soft-cap"
  static let scoreSoftCap: Self = "score soft-cap"
  static let layerKinds: Self = "kinds of layers"
  static let windowPattern: Self = "layers with windows"
  static let expertCount: Self = "experts"
  static let usedExpertCount: Self = "experts a token"
  static let expertSize: Self = "feed-forward size of experts"
  static let sharedExpertSize: Self = "feed-forward size of shared experts"
  static let normalizesExperts: Self = "experts' weights sum to 1"
  static let hasAttentionBias: Self = "biases of attention"
  static let hasFeedForwardBias: Self = "biases of feed-forward layers"
  static let isParallel: Self = "parallel residual"
}
