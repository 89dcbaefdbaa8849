/// What is done between the two products of a feed-forward network.
public enum Activation: String, Hashable, Sendable, CaseIterable {
  case silu
  /// With the error function.
  case gelu
  /// With tanh in its place.
  case geluTanh
  case relu
  /// gpt-oss: gates limited from above, ups from both sides, `gate * sigmoid(1.702 * gate) * (up + 1)`.
  case swigluOAI
}

/// The feed-forward network of one layer: dense, or a mixture of experts.
public struct FeedForward: Hashable, Sendable {
  /// Width between the products.
  public var size: Int
  public var activation: Activation
  /// Whether a second product, of the gate, is activated and multiplied with the first.
  public var isGated: Bool
  /// Whether the products have biases.
  public var hasInputBias: Bool
  public var hasOutputBias: Bool
  /// Several such networks, of which a router takes some for each token; nil for a single one.
  public var experts: Experts?

  public struct Experts: Hashable, Sendable {
    public enum Weighting: Hashable, Sendable {
      /// A softmax over all experts, of which the largest are taken.
      case softmaxOfAll
      /// A softmax over those that are taken.
      case softmaxOfUsed
    }

    public var count: Int
    /// How many a token is given to.
    public var usedCount: Int
    public var weighting: Weighting
    /// Whether the weights of those that are taken are divided by their sum.
    public var isNormalized: Bool
    public var hasRouterBias: Bool
    /// Width of a network that every token is given to beside; nil for none.
    public var sharedSize: Int?
    /// Whether the shared network has a gate of one number, through a sigmoid.
    public var isSharedGated: Bool

    public init(
      count: Int, usedCount: Int, weighting: Weighting, isNormalized: Bool = false, hasRouterBias: Bool = false,
      sharedSize: Int? = nil, isSharedGated: Bool = false
    ) {
      self.count = count
      self.usedCount = usedCount
      self.weighting = weighting
      self.isNormalized = isNormalized
      self.hasRouterBias = hasRouterBias
      self.sharedSize = sharedSize
      self.isSharedGated = isSharedGated
    }
  }

  public init(
    size: Int, activation: Activation, isGated: Bool, hasInputBias: Bool = false, hasOutputBias: Bool = false,
    experts: Experts? = nil
  ) {
    self.size = size
    self.activation = activation
    self.isGated = isGated
    self.hasInputBias = hasInputBias
    self.hasOutputBias = hasOutputBias
    self.experts = experts
  }
}
