/// A normalization of rows.
public struct Norm: Hashable, Sendable {
  public enum Kind: Hashable, Sendable {
    /// Divided by the root of the mean square.
    case rootMeanSquare
    /// The mean taken away first, and divided by the standard deviation.
    case layer
  }

  public var kind: Kind
  public var epsilon: Float
  /// Added to the weights as they are stored in the Hugging Face form: 1 in Gemma.
  public var weightOffset: Float
  public var hasWeight: Bool
  public var hasBias: Bool

  public init(
    _ kind: Kind, epsilon: Float, weightOffset: Float = 0, hasWeight: Bool = true, hasBias: Bool = false
  ) {
    self.kind = kind
    self.epsilon = epsilon
    self.weightOffset = weightOffset
    self.hasWeight = hasWeight
    self.hasBias = hasBias
  }
}
