public import Tensors

/// What OLoRA takes out of a weight `W [out, in]` before it is trained: `W - scale * Q * Q^T * W`, where the columns of `Q`
/// are an orthonormal basis of what the first `columns` columns of `W` span: the first factors of a QR decomposition.
public struct ColumnSpan: Hashable, Sendable {
  public var columns: Int
  public var scale: Float
  /// What the result is rounded to: the element type of the model.
  public var rounding: Encoding

  public init(columns: Int, scale: Float, rounding: Encoding) {
    self.columns = columns
    self.scale = scale
    self.rounding = rounding
  }
}
