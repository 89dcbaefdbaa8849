/// A tensor that two models have otherwise.
public struct TensorDifference: Hashable, Sendable {
  /// What is otherwise, first what concerns most.
  public enum Kind: Hashable, Sendable {
    case added, removed
    /// Another shape: nothing can be said of the values.
    case shape
    /// Other bytes of types of which not both can be decoded.
    case undecodable
    /// Other values or another type, measured.
    case values(Error)
  }

  /// How far the values have moved.
  public struct Error: Hashable, Sendable {
    /// Greatest |after - before| of an element.
    public let largest: Double
    /// ||after - before|| / ||before||; 0 where nothing moved.
    public let relativeRMS: Double
    /// Cosine of the angle between the two; 1 where both are all zeros.
    public let cosine: Double
  }

  public let name: String
  public let kind: Kind
  /// What it is stored as, and its shape; nil where it is not there.
  public let typeBefore: String?
  public let typeAfter: String?
  public let shapeBefore: [Int]?
  public let shapeAfter: [Int]?
}
