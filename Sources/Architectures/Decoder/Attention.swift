/// Self-attention of one layer.
public struct Attention: Hashable, Sendable {
  public var headCount: Int
  /// Heads of keys and values; fewer than `headCount` in grouped-query attention (GQA).
  public var keyHeadCount: Int
  /// Width of one head of queries, keys and values.
  public var headDimension: Int
  /// How heads are turned; nil where they are not.
  public var rotation: Rotation?
  /// Which of the projections have biases.
  public var biases = Biases()
  /// The norms of queries and keys; nil where there are none.
  public var headNorms: HeadNorms?
  /// What products of queries and keys are multiplied by.
  public var scale: Float
  /// Keys further back than this are not attended to; nil for full attention.
  public var window: Int?
  /// `cap * tanh(score / cap)`; nil for none.
  public var scoreSoftCap: Float?
  /// Whether a weight for each head stands for a key that has no value.
  public var hasSinks = false
  /// ALiBi: the largest bias, of which each head has its own share; nil where distance costs nothing.
  public var alibi: Alibi?
  /// Queries, keys and values are limited to this magnitude.
  public var clamp: Float?
  /// Queries at far positions are multiplied by more; nil where they are not.
  public var temperature: Temperature?

  public struct Biases: Hashable, Sendable {
    public var query = false
    public var key = false
    public var value = false
    public var output = false

    public init(query: Bool = false, key: Bool = false, value: Bool = false, output: Bool = false) {
      (self.query, self.key, self.value, self.output) = (query, key, value, output)
    }

    /// Those of queries, keys and values alike.
    public init(inputs: Bool, output: Bool) {
      self.init(query: inputs, key: inputs, value: inputs, output: output)
    }

    public var hasAny: Bool { query || key || value || output }
  }

  /// Norms of queries and keys.
  public struct HeadNorms: Hashable, Sendable {
    public enum Extent: Hashable, Sendable {
      /// Each head by itself, all with the same weights.
      case sharedByHeads
      /// Each head by itself, with weights of its own.
      case eachHead
      /// All heads together.
      case width
    }

    public var norm: Norm
    public var extent: Extent
    /// Whether heads are turned first.
    public var followsRotation: Bool

    public init(_ norm: Norm, _ extent: Extent, followsRotation: Bool = false) {
      self.norm = norm
      self.extent = extent
      self.followsRotation = followsRotation
    }
  }

  /// Rotary position embedding of heads.
  public struct Rotation: Hashable, Sendable {
    public var embedding: RotaryEmbedding
    /// Elements of each head that are turned, from the first.
    public var dimension: Int
    /// Whether neighbours are turned together, rather than elements half the dimension apart.
    public var isInterleaved: Bool

    public init(_ embedding: RotaryEmbedding, dimension: Int, isInterleaved: Bool = false) {
      self.embedding = embedding
      self.dimension = dimension
      self.isInterleaved = isInterleaved
    }
  }

  /// What is added to a score for every position of distance.
  public struct Alibi: Hashable, Sendable {
    public var largestBias: Float
    /// Whether the slope is rounded to bfloat16, as Falcon's are.
    public var isRounded: Bool

    public init(largestBias: Float = 8, isRounded: Bool = false) {
      self.largestBias = largestBias
      self.isRounded = isRounded
    }
  }

  /// `1 + beta * ln(1 + floor(position / original))`, Llama 4's scaling of queries.
  public struct Temperature: Hashable, Sendable {
    public var beta: Float
    public var originalContextLength: Int

    public init(beta: Float, originalContextLength: Int) {
      self.beta = beta
      self.originalContextLength = originalContextLength
    }
  }

  public init(headCount: Int, keyHeadCount: Int, headDimension: Int, rotation: Rotation? = nil, scale: Float? = nil) {
    self.headCount = headCount
    self.keyHeadCount = keyHeadCount
    self.headDimension = headDimension
    self.rotation = rotation
    self.scale = scale ?? 1 / Float(headDimension).squareRoot()
  }

  /// Query heads that share a key and value head.
  public var queriesPerKey: Int { headCount / max(keyHeadCount, 1) }
  public var queryWidth: Int { headCount * headDimension }
  public var keyWidth: Int { keyHeadCount * headDimension }
}
