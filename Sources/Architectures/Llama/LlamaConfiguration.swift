/// Hyperparameters of a decoder of the Llama family, whatever container they came from.
public struct LlamaConfiguration: Hashable, Sendable {
  static let llama = "LlamaForCausalLM"
  static let mistral = "MistralForCausalLM"

  /// The class of `transformers` that computes this: `LlamaForCausalLM` or `MistralForCausalLM`.
  public var className: String
  /// Width of the residual stream.
  public var hiddenSize: Int
  /// Width of the gated feed-forward layer.
  public var intermediateSize: Int
  public var layerCount: Int
  public var headCount: Int
  /// Heads of keys and values; fewer than `headCount` in grouped-query attention (GQA).
  public var keyValueHeadCount: Int
  /// Width of one head; not always `hiddenSize / headCount`.
  public var headDimension: Int
  public var vocabularySize: Int
  /// Longest context the model was trained for, in tokens.
  public var contextLength: Int
  /// Epsilon of RMS normalization.
  public var normEpsilon: Float
  public var rope: RotaryEmbedding
  /// Keys further back than this are not attended to; nil for full attention.
  public var slidingWindow: Int?
  /// Whether the output head is the token embedding.
  public var tiesEmbeddings: Bool
  /// Whether there is an output head at all: a bare `LlamaModel` is saved without.
  public var hasHead: Bool
  /// Whether the q, k, v and o projections have biases.
  public var hasAttentionBias: Bool
  /// Whether the feed-forward projections have biases.
  public var hasFeedForwardBias: Bool

  /// The class without windows. The other one has no biases.
  var isLlama: Bool { className == Self.llama }

  /// Whether projections of layers have biases.
  public var hasBiases: Bool { hasAttentionBias || hasFeedForwardBias }

  /// Whether the class of `transformers` has a place for biases.
  public var allowsBiases: Bool { isLlama }

  /// Query heads that share a key and value head.
  public var queriesPerKey: Int { headCount / max(keyValueHeadCount, 1) }

  public init(
    className: String = "LlamaForCausalLM", hiddenSize: Int, intermediateSize: Int, layerCount: Int, headCount: Int,
    keyValueHeadCount: Int, headDimension: Int, vocabularySize: Int, contextLength: Int, normEpsilon: Float,
    rope: RotaryEmbedding, slidingWindow: Int? = nil, tiesEmbeddings: Bool = false, hasHead: Bool = true,
    hasAttentionBias: Bool = false, hasFeedForwardBias: Bool = false
  ) {
    self.className = className
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.layerCount = layerCount
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount
    self.headDimension = headDimension
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
    self.normEpsilon = normEpsilon
    self.rope = rope
    self.slidingWindow = slidingWindow
    self.tiesEmbeddings = tiesEmbeddings
    self.hasHead = hasHead
    self.hasAttentionBias = hasAttentionBias
    self.hasFeedForwardBias = hasFeedForwardBias
  }
}
