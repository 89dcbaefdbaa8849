/// How far a tensor has moved from what it was.
public struct TensorError: Hashable, Sendable {
  public let name: String
  public let shape: [Int]
  /// The encoding before: `bf16`.
  public let encodingBefore: String
  /// The encoding after: `q4_k`.
  public let encodingAfter: String
  /// ||after - before||² / ||before||²; 0 where nothing moved, infinite where zeros did.
  public let relativeSquaredError: Double
  /// ||after - before||².
  public let squaredError: Double
  /// Greatest |after - before| of an element.
  public let largestError: Double
  /// Cosine of the angle between the two; 1 where both are all zeros.
  public let cosine: Double
  /// This tensor's share of the squared error of all that were measured, 0 to 1.
  public let shareOfError: Double
}
