public import Bytes
public import Tensors

/// The two innermost dimensions change places, of each matrix of a stack. GPT-2 stores its layers `[in, out]`.
public struct Transposition: InvertibleTransform {
  public init() {}

  public var inverse: any InvertibleTransform { Transposition() }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    var shape = inputs[0]
    guard shape.count >= 2 else { throw TransformRefusal("has shape \(shape), which cannot be transposed") }
    shape.swapAt(shape.count - 1, shape.count - 2)
    return shape
  }

  public func origin(ofElement element: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, element: Int)? {
    let (rows, columns) = (max(1, shape[shape.count - 2]), max(1, shape[shape.count - 1]))
    let (matrix, inner) = element.quotientAndRemainder(dividingBy: rows * columns)
    return (0, matrix * rows * columns + inner % columns * rows + inner / columns)
  }

  /// Elements of a strip at most: some columns of the input, turned into rows, of which slab after slab is taken.
  private static let stripElements = 1 << 21

  /// Strips that are kept: workers are at most as many apart.
  private static let keptStrips = 4

  private struct Strip: Hashable, Sendable {
    let matrix: Int
    let number: Int
  }

  public func read(
    _ part: RowPart, of inputs: TransformInputs, into values: inout MutableSpan<Float>, scratch: inout [UInt8]
  ) throws(FileError) {
    let shape = inputs.shape
    let rows = shape[shape.count - 2]
    let columns = shape[shape.count - 1]
    // A row of the result that is longer than a strip is read in parts.
    let stripRows = max(1, min(rows, Self.stripElements / max(1, columns)))
    var target = 0
    for row in part.rows {
      let (matrix, inner) = row.quotientAndRemainder(dividingBy: rows)
      if columns > Self.stripElements {
        try readColumn(inner, of: matrix, part.columns, columns, inputs[0], into: &values, at: target, &scratch)
      } else {
        let key = Strip(matrix: matrix, number: inner / stripRows)
        let first = key.number * stripRows
        let strip = try strip(key, first..<min(first + stripRows, rows), columns, inputs, &scratch)
        let start = (inner - first) * columns
        values.copy(
          strip.span.extracting(start + part.columns.lowerBound..<start + part.columns.upperBound), at: target)
      }
      target += part.columns.count
    }
  }

  /// The rows of the result that are the columns `wanted` of a matrix of the input.
  private func strip(
    _ key: Strip, _ wanted: Range<Int>, _ depth: Int, _ inputs: TransformInputs, _ scratch: inout [UInt8]
  ) throws(FileError) -> [Float] {
    if let known: [Float] = inputs.memory.value(key) { return known }
    var strip = [Float](repeating: 0, count: wanted.count * depth)
    // Some rows of the input at a time, so that each is one piece of it.
    let step = max(1, (1 << 16) / max(1, wanted.count))
    var lines = [Float](repeating: 0, count: min(step, depth) * wanted.count)
    for start in stride(from: 0, to: depth, by: step) {
      let rows = start..<min(start + step, depth)
      var span = lines.mutableSpan
      var part = span._mutatingExtracting(0..<rows.count * wanted.count)
      try inputs[0].read(
        RowPart(rows: key.matrix * depth + rows.lowerBound..<key.matrix * depth + rows.upperBound, columns: wanted),
        into: &part, scratch: &scratch)
      for row in rows {
        let from = (row - start) * wanted.count
        for column in 0..<wanted.count { strip[column * depth + row] = part[from + column] }
      }
    }
    inputs.memory.keep(strip, for: key, atMost: Self.keptStrips)
    return strip
  }

  private func readColumn(
    _ column: Int, of matrix: Int, _ rows: Range<Int>, _ depth: Int, _ input: any PartSource,
    into values: inout MutableSpan<Float>, at target: Int, _ scratch: inout [UInt8]
  ) throws(FileError) {
    var part = values._mutatingExtracting(target..<target + rows.count)
    try input.read(
      RowPart(
        rows: matrix * depth + rows.lowerBound..<matrix * depth + rows.upperBound, columns: column..<column + 1),
      into: &part, scratch: &scratch)
  }

  public func factors(of inputs: [FactorPair]) -> FactorPair? { inputs.first?.transposed }
}
