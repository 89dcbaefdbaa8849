import Bytes
import Tensors

/// A tensor whose values are at hand.
struct ArraySource: RowSource {
  let shape: [Int]
  let array: [Float]

  func read(rows: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]) throws(FileError) {
    let columns = shape.last ?? 1
    for (index, value) in array[rows.lowerBound * columns..<rows.upperBound * columns].enumerated() {
      values[index] = value
    }
  }
}
