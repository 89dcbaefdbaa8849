/// What computes a model, as a value: operations on registers that an engine carries out in order. Registers hold a row a
/// token. A family declares them; panels, workers and memory are the engine's.
public struct ForwardPass: Sendable {
  /// Rows of numbers that operations read and write, one for each token.
  public enum Register: Hashable, Sendable, CaseIterable {
    /// The residual stream.
    case stream
    /// What a norm has given.
    case normalized
    /// What a second norm has given, of the same stream.
    case normalizedAgain
    case queries
    case keys
    case values
    /// What heads give, side by side.
    case mixed
    /// What lies between the products of a feed-forward network.
    case inner
    /// What is added to the stream after more is done with it.
    case branch
    /// What the experts of all tokens give.
    case shared
    /// What a router says of experts.
    case routes
  }

  /// A tensor, as it comes from those of the Hugging Face form.
  public struct Weight: Hashable, Sendable {
    public var derivation: Derivation
    public var shape: [Int]
    /// Whether the model can do without it, as without a bias.
    public var isOptional: Bool

    public init(_ derivation: Derivation, shape: [Int], isOptional: Bool = false) {
      self.derivation = derivation
      self.shape = shape
      self.isOptional = isOptional
    }

    /// The name of the tensor that it comes from.
    public var name: String { derivation.sources.first?.name ?? "" }
  }

  /// A linear layer.
  public struct Linear: Hashable, Sendable {
    /// `[out, in]`.
    public var weight: Weight
    public var bias: Weight?

    public init(_ weight: Weight, bias: Weight? = nil) {
      self.weight = weight
      self.bias = bias
    }
  }

  /// A norm and its tensors.
  public struct Normalization: Hashable, Sendable {
    public var norm: Norm
    public var weight: Weight?
    public var bias: Weight?
    /// Heads that are normalized by themselves; 1 for a whole row.
    public var heads: Int

    public init(_ norm: Norm, weight: Weight?, bias: Weight?, heads: Int = 1) {
      self.norm = norm
      self.weight = weight
      self.bias = bias
      self.heads = heads
    }
  }

  /// A mixture of experts.
  public struct Mixture: Hashable, Sendable {
    public var experts: FeedForward.Experts
    public var activation: Activation
    /// Width of an expert.
    public var size: Int
    /// Stacks `[experts, out, in]`, and of biases `[experts, out]`.
    public var gate: Linear?
    public var up: Linear
    public var down: Linear
  }

  public enum Operation: Sendable {
    /// The embeddings of the tokens, times `scale`.
    case embed(Weight, scale: Float, to: Register)
    /// Row `position + offset` is added to the stream.
    case addPositions(Weight, offset: Int)
    case normalize(Normalization, from: Register, to: Register)
    /// Linear layers of one input, each into a register, or added to it.
    case project([(layer: Linear, to: Register)], from: Register, isAdded: Bool)
    /// Two linear layers of one input; the first is activated and multiplied with the second.
    case gate(gate: Linear, up: Linear, Activation, from: Register, to: Register)
    case activate(Activation, Register)
    /// Numbers are limited to a magnitude.
    case clamp(Register, Float)
    /// Heads of queries, keys and values into `mixed`.
    case attend(Attention, sinks: Weight?, queryNorm: Normalization?, keyNorm: Normalization?)
    /// The experts that the routes choose, each for its tokens, into `to`.
    case mix(Mixture, from: Register, to: Register)
    /// A row times the sigmoid of what one linear layer gives for it.
    case scaleByGate(Linear, from: Register, of: Register)
    /// `scale` times a register is added to another one.
    case add(Register, to: Register, scale: Float)
  }

  public var hiddenSize: Int
  public var vocabularySize: Int
  public var operations: [Operation]
  /// The operations of each layer. Between them nothing but the stream is handed on.
  public var layers: [Range<Int>]
  public var finalNorm: Normalization?
  /// What rows are given to after the last norm, before the head; nil for nothing.
  public var finalProjection: Linear?
  public var head: Linear
  /// Whether the head is a weight of its own, rather than the embedding.
  public var hasOwnHead: Bool
  /// What logits are multiplied by.
  public var logitScale: Float
  public var logitSoftCap: Float?
  /// Columns of each register that is used.
  public var widths: [Register: Int]
}
