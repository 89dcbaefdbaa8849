internal import Architectures
internal import Bytes
internal import Tensors

/// Some rows replaced by those of the second input, in its order.
struct RowReplacement: AdapterTransform {
  let rows: [Int]

  func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    let (shape, found) = (inputs[0], inputs[1])
    guard shape.count == 2, found == [rows.count, shape[1]] else {
      throw TransformRefusal(
        input: 1, "has shape \(found), but is to replace \(rows.count) rows of a tensor of shape \(shape)")
    }
    if let row = rows.first(where: { !(0..<shape[0]).contains($0) }) {
      throw TransformRefusal(input: 1, "is to replace row \(row) of a tensor that has \(shape[0])")
    }
    return shape
  }

  func read(
    _ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    try inputs[0].read(part, into: &values, scratch: &scratch)
    for (place, row) in rows.enumerated() where part.rows.contains(row) {
      let start = (row - part.rows.lowerBound) * part.columns.count
      var span = values._mutatingExtracting(start..<start + part.columns.count)
      try inputs[1].read(RowPart(rows: place..<place + 1, columns: part.columns), into: &span, scratch: &scratch)
    }
  }

  func origin(ofElement element: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, element: Int)? {
    let columns = max(1, shape.last ?? 1)
    guard let row = rows.firstIndex(of: element / columns) else { return (0, element) }
    return (1, row * columns + element % columns)
  }
}
