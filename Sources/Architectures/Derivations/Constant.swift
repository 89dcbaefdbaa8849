public import Bytes
public import Tensors

/// A vector that follows from the configuration alone.
public struct Constant: TensorTransform {
  public let values: [Float]

  public init(_ values: [Float]) { self.values = values }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] { [values.count] }

  public func read(
    _ part: RowPart, of inputs: TransformInputs, into result: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    for (index, column) in part.columns.enumerated() { result[index] = values[column] }
  }

  public func origin(ofElement element: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, element: Int)? { nil }
}
