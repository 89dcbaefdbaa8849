import Architectures
import Bytes
import Tensors

/// A tensor of values that are at hand, for transforms to read from.
struct ArrayPart: PartSource {
  let shape: [Int]
  let array: [Float]

  init(_ shape: [Int], _ array: [Float]) {
    precondition(shape.reduce(1, *) == array.count)
    self.shape = shape
    self.array = array
  }

  /// 0, 1, 2 and so on.
  init(counting shape: [Int], from start: Float = 0) {
    self.init(shape, (0..<shape.reduce(1, *)).map { start + Float($0) })
  }

  var place: (path: String, name: String?) { ("array", "w") }
  var copiedEncoding: Encoding? { .f32 }

  func read(
    elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    for (index, element) in elements.enumerated() { values[index] = array[element] }
  }

  private func elements(of part: RowPart) -> [Int] {
    part.rows.flatMap { row in part.columns.map { row * columns + $0 } }
  }

  func read(_ part: RowPart, into values: inout MutableSpan<Float>, scratch: inout [UInt8]) throws(FileError) {
    for (index, element) in elements(of: part).enumerated() { values[index] = array[element] }
  }

  func readEncoded(_ part: RowPart, into bytes: inout MutableRawSpan) throws(FileError) {
    for (index, element) in elements(of: part).enumerated() {
      for byte in 0..<4 {
        bytes.storeBytes(
          of: UInt8(truncatingIfNeeded: array[element].bitPattern >> UInt32(8 * byte)), toByteOffset: index * 4 + byte,
          as: UInt8.self)
      }
    }
  }
}
