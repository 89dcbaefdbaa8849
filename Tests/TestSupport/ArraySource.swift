public import Bytes
public import Tensors

/// A tensor whose values are at hand.
public struct ArraySource: RowSource {
  public let shape: [Int]
  public let array: [Float]

  public init(shape: [Int], array: [Float]) {
    self.shape = shape
    self.array = array
  }

  public func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    for (index, value) in array[elements].enumerated() { values[index] = value }
  }
}
