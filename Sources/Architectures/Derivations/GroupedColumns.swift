public import Bytes
public import Tensors

/// Some columns of each group of columns: gpt-oss stores the biases of gates and ups in turn.
public struct GroupedColumns: TensorTransform {
  /// Columns of a group.
  public let groupSize: Int
  /// The columns of each group that are taken.
  public let taken: Range<Int>

  public init(_ taken: Range<Int>, ofEach groupSize: Int) {
    self.groupSize = groupSize
    self.taken = taken
  }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    var shape = inputs[0]
    guard let columns = shape.last, groupSize > 0, columns % groupSize == 0, taken.upperBound <= groupSize else {
      throw TransformRefusal("has shape \(shape), which is not a whole number of groups of \(groupSize) columns")
    }
    shape[shape.count - 1] = columns / groupSize * taken.count
    return shape
  }

  private func source(of column: Int) -> Int {
    column / max(1, taken.count) * groupSize + taken.lowerBound + column % max(1, taken.count)
  }

  public func origin(ofElement element: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, element: Int)? {
    let (width, inputWidth) = (max(1, shape.last ?? 1), inputs[0].last ?? 1)
    return (0, element / width * inputWidth + source(of: element % width))
  }

  public func read(
    _ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    guard !part.columns.isEmpty else { return }
    let needed = source(of: part.columns.lowerBound)..<source(of: part.columns.upperBound - 1) + 1
    var line = [Float](repeating: 0, count: needed.count)
    var target = 0
    for row in part.rows {
      var span = line.mutableSpan
      try inputs[0].read(RowPart(rows: row..<row + 1, columns: needed), into: &span, scratch: &scratch)
      for column in part.columns {
        values[target] = span[source(of: column) - needed.lowerBound]
        target += 1
      }
    }
  }

  public func simplified(of inputs: [Derivation]) -> Derivation? {
    guard case .made(let transform as MergedColumns, let parts)? = inputs.first,
      transform.groupSize == groupSize, let number = transform.places.firstIndex(of: taken)
    else { return nil }
    return parts[number]
  }
}
