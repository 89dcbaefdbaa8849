public import Bytes
internal import RealModule
public import Tensors

/// `-exp(x)` of every value, in F32: Mamba's `A_log` as GGUFs hold it.
public struct NegativeExponential: InvertibleTransform {
  public init() {}

  public var inverse: any InvertibleTransform { NegativeLogarithm() }
  public var isRounded: Bool { true }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] { inputs[0] }

  public func read(
    _ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    try inputs[0].read(part, into: &values, scratch: &scratch)
    for index in values.indices { values[index] = -Float.exp(values[index]) }
  }
}

/// `log(-x)` of every value, in F32.
public struct NegativeLogarithm: InvertibleTransform {
  public init() {}

  public var inverse: any InvertibleTransform { NegativeExponential() }
  public var isRounded: Bool { true }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] { inputs[0] }

  public func read(
    _ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    try inputs[0].read(part, into: &values, scratch: &scratch)
    for index in values.indices { values[index] = Float.log(-values[index]) }
  }
}
