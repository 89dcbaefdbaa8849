public import Tensors

/// A tensor before and after, as rows of Float, with the names of the encodings it is stored in.
public struct TensorPair: Sendable {
  public let name: String
  public let before: any RowSource
  public let after: any RowSource
  /// The encoding before: `bf16`.
  public let encodingBefore: String
  /// The encoding after: `q4_k`.
  public let encodingAfter: String

  public init(
    name: String, before: any RowSource, encodingBefore: String, after: any RowSource, encodingAfter: String
  ) {
    self.name = name
    self.before = before
    self.after = after
    self.encodingBefore = encodingBefore
    self.encodingAfter = encodingAfter
  }
}
