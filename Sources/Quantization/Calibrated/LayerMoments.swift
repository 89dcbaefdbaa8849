/// What a calibration knows of one linear layer.
public struct LayerMoments: Sendable {
  /// What tells the layer from all others.
  public var key: String
  /// Tokens that it was seen with.
  public var tokens: Int
  /// Second moments of what the layer is given. With `gradients`, each token counts by the mean square of the gradient.
  public var inputs: SymmetricMoments
  /// Second moments of the gradient of the loss with respect to what the layer gives; nil where they were not collected.
  public var gradients: SymmetricMoments?
  /// Mean squares of what the layer is given, column by column, all tokens alike: the importance of columns.
  public var squares: [Float]
  /// Tokens that are in none of them.
  public var sample: Sample?

  /// Single tokens of a layer, to measure with.
  public struct Sample: Hashable, Sendable {
    public var tokens: Int
    /// A row a token, of as many as the layer has inputs.
    public var inputs: [Float]
    /// A row a token, of as many as the layer has outputs; empty where they were not collected.
    public var gradients: [Float]

    public init(tokens: Int, inputs: [Float], gradients: [Float]) {
      self.tokens = tokens
      self.inputs = inputs
      self.gradients = gradients
    }
  }

  public init(
    key: String, tokens: Int, inputs: SymmetricMoments, gradients: SymmetricMoments?, squares: [Float],
    sample: Sample?
  ) {
    self.key = key
    self.tokens = tokens
    self.inputs = inputs
    self.gradients = gradients
    self.squares = squares
    self.sample = sample
  }
}
