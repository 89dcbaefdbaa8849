/// A decoder as a value: what a dense or sparse transformer computes, whatever its tensors are called. Families describe
/// their models with it; names, shapes, metadata and the forward pass follow.
public struct Decoder: Hashable, Sendable {
  /// Width of the residual stream.
  public var hiddenSize: Int
  public var vocabularySize: Int
  /// Longest context the model was trained for, in tokens.
  public var contextLength: Int
  /// The kinds of layers.
  public var layerKinds: [DecoderLayer]
  /// The kind of each layer, a number in `layerKinds`.
  public var kindOfLayer: [Int]

  /// Whether no token is attended to by those before it.
  public var isCausal = true
  /// What embeddings are multiplied by.
  public var embeddingScale: Float = 1
  /// Embeddings of positions that are added; nil for none.
  public var positions: LearnedPositions?
  /// A norm of embeddings.
  public var embeddingNorm: Norm?
  /// The norm after the last layer; nil for none.
  public var finalNorm: Norm?
  /// Width of the embeddings where it is not that of the stream, so that they are projected into it, and back for the head.
  public var embeddingSize: Int?

  /// Whether the output head is the token embedding.
  public var tiesHead = false
  /// Whether there is an output head at all: a bare model is saved without.
  public var hasHead = true
  public var hasHeadBias = false
  /// What logits are multiplied by.
  public var logitScale: Float = 1
  /// `cap * tanh(logit / cap)`; nil for none.
  public var logitSoftCap: Float?

  public struct LearnedPositions: Hashable, Sendable {
    /// Rows of the tensor.
    public var rows: Int
    /// The row of the first position.
    public var offset: Int

    public init(rows: Int, offset: Int = 0) {
      self.rows = rows
      self.offset = offset
    }
  }

  public init(
    hiddenSize: Int, vocabularySize: Int, contextLength: Int, layerKinds: [DecoderLayer], kindOfLayer: [Int],
    finalNorm: Norm?
  ) {
    self.hiddenSize = hiddenSize
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
    self.layerKinds = layerKinds
    self.kindOfLayer = kindOfLayer
    self.finalNorm = finalNorm
  }

  public var layerCount: Int { kindOfLayer.count }

  public func layer(_ number: Int) -> DecoderLayer { layerKinds[kindOfLayer[number]] }

  /// Changes every kind of layer.
  public mutating func changeLayers(_ change: (inout DecoderLayer) -> Void) {
    for index in layerKinds.indices { change(&layerKinds[index]) }
  }
}

/// One layer of a decoder.
public struct DecoderLayer: Hashable, Sendable {
  /// How attention and the feed-forward network are put into the stream.
  public enum Residual: Hashable, Sendable {
    /// One after the other, each after its norm.
    case sequential
    /// One after the other, and the norm is of the stream after each was added.
    case normLast
    /// One after the other; the norm is of the stream itself, which goes on with what it gives.
    case normOfStream
    /// Both read what came in, and both are added to it. With one norm for both, or one each.
    case parallel(sharesNorm: Bool)
  }

  public var residual: Residual
  public var attention: Attention
  public var feedForward: FeedForward
  /// Norms before attention and before the feed-forward network; nil for none.
  public var attentionNorm: Norm?
  public var feedForwardNorm: Norm?
  /// Norms of what they give, before it is added.
  public var attentionPostNorm: Norm?
  public var feedForwardPostNorm: Norm?
  /// What is added is multiplied by this first.
  public var residualScale: Float = 1

  public init(
    residual: Residual = .sequential, attention: Attention, feedForward: FeedForward, attentionNorm: Norm?,
    feedForwardNorm: Norm?, attentionPostNorm: Norm? = nil, feedForwardPostNorm: Norm? = nil
  ) {
    self.residual = residual
    self.attention = attention
    self.feedForward = feedForward
    self.attentionNorm = attentionNorm
    self.feedForwardNorm = feedForwardNorm
    self.attentionPostNorm = attentionPostNorm
    self.feedForwardPostNorm = feedForwardPostNorm
  }
}
