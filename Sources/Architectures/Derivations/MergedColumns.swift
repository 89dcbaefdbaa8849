public import Bytes
public import Tensors

/// Columns of several tensors in turn, as `MergedRows` does it with rows. Undoes several `GroupedColumns`.
public struct MergedColumns: TensorTransform {
  /// Columns of a group that each tensor gives.
  public let counts: [Int]

  public init(_ counts: [Int]) { self.counts = counts }

  /// Columns of a group.
  public var groupSize: Int { counts.reduce(0, +) }

  /// The columns of a group that come from each tensor.
  public var places: [Range<Int>] { MergedRows(counts).places }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    guard let first = inputs.first, inputs.count == counts.count, let columns = first.last,
      !counts.contains(where: { $0 < 1 })
    else { throw TransformRefusal("is one of \(inputs.count) tensors, but \(counts.count) are put together") }
    let groups = columns / counts[0]
    for (number, shape) in inputs.enumerated() {
      let expected = first.dropLast() + [groups * counts[number]]
      guard shape == Array(expected), columns % counts[0] == 0 else {
        throw TransformRefusal(
          input: number, "has shape \(shape), but \(Array(expected)) is expected beside the others")
      }
    }
    return first.dropLast() + [groups * groupSize]
  }

  private func source(of column: Int) -> (input: Int, column: Int) {
    let place = MergedRows(counts).source(ofLine: column, of: [], inputs: [])
    return (place.input, place.line)
  }

  public func origin(ofElement element: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, element: Int)? {
    let width = max(1, shape.last ?? 1)
    let place = source(of: element % width)
    return (place.input, element / width * (inputs[place.input].last ?? 1) + place.column)
  }

  public func read(
    _ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    let places = part.columns.map { source(of: $0) }
    for (number, tensor) in inputs.tensors.enumerated() {
      let columns = places.filter { $0.input == number }.map(\.column)
      guard let first = columns.first, let last = columns.last else { continue }
      var line = [Float](repeating: 0, count: last + 1 - first)
      for (index, row) in part.rows.enumerated() {
        var span = line.mutableSpan
        try tensor.read(RowPart(rows: row..<row + 1, columns: first..<last + 1), into: &span, scratch: &scratch)
        for (column, place) in places.enumerated() where place.input == number {
          values[index * places.count + column] = span[place.column - first]
        }
      }
    }
  }

  public func simplified(of inputs: [Derivation]) -> Derivation? {
    var whole: Derivation?
    for (number, place) in places.enumerated() where number < inputs.count {
      guard case .made(let transform as GroupedColumns, let inner) = inputs[number],
        transform.groupSize == groupSize, transform.taken == place, let own = inner.first,
        whole == nil || whole == own
      else { return nil }
      whole = own
    }
    return whole
  }
}
