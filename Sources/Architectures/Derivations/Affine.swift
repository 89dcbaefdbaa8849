public import Bytes
public import Tensors

/// Every value times `scale`, and `offset` added, in F32. GGUFs of Gemma hold the weights of norms with 1 added.
public struct Affine: InvertibleTransform {
  public let scale: Float
  public let offset: Float

  /// - Parameter scale: a power of two, so that multiplying by it loses nothing.
  public init(scale: Float = 1, offset: Float) {
    self.scale = scale
    self.offset = offset
  }

  /// Undoes this for every result: what it gives makes the same result again.
  public var inverse: any InvertibleTransform { Affine(scale: 1 / scale, offset: -offset / scale) }
  public var isRounded: Bool { true }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] { inputs[0] }

  public func read(
    _ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    try inputs[0].read(part, into: &values, scratch: &scratch)
    for index in values.indices { values[index] = values[index] * scale + offset }
  }
}
