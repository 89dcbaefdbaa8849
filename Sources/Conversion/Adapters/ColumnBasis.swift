internal import Bytes
internal import Tensors

/// An orthonormal basis of what the first columns of a matrix span, and the matrix in it, in double precision. One thread
/// computes it in an order of its own, so that it is the same everywhere.
struct ColumnBasis {
  let count: Int
  /// `[rows, count]`
  private var basis: [Double]
  /// The product of the transposed basis and the matrix, `[count, columns]`.
  private var product: [Double]
  private let columns: Int

  /// Rows that are read at a time.
  private static let slabElements = 1 << 20

  /// - Parameter forEachSlab: reads all rows in order, a slab at a time.
  /// - Returns: nil where one of the columns depends on those before it.
  init?(
    ofFirst count: Int, rows: Int, columns: Int,
    read: (_ rows: Range<Int>, _ values: inout MutableSpan<Float>) throws(FileError) -> Void
  ) throws(FileError) {
    self.count = count
    self.columns = columns
    basis = [Double](repeating: 0, count: rows * count)
    product = [Double](repeating: 0, count: count * columns)
    let step = max(1, Self.slabElements / max(1, columns))
    var slab = [Float](repeating: 0, count: min(step, rows) * columns)
    func forEachRow(_ body: (_ row: Int, _ values: Span<Float>) -> Void) throws(FileError) {
      for start in stride(from: 0, to: rows, by: step) {
        let part = start..<min(start + step, rows)
        var span = slab.mutableSpan
        var values = span._mutatingExtracting(0..<part.count * columns)
        try read(part, &values)
        for row in part {
          let first = (row - start) * columns
          body(row, values.span.extracting(first..<first + columns))
        }
      }
    }
    var own = basis
    try forEachRow { row, values in
      for index in 0..<count { own[row * count + index] = Double(values[index]) }
    }
    guard Self.orthonormalize(&own, rows: rows, count: count) else { return nil }
    basis = own
    var sums = product
    try forEachRow { row, values in
      for index in 0..<count {
        let factor = own[row * count + index]
        let start = index * columns
        for column in 0..<columns { sums[start + column] += factor * Double(values[column]) }
      }
    }
    product = sums
  }

  /// Gram and Schmidt's way, twice, which is as good as reflections.
  private static func orthonormalize(_ basis: inout [Double], rows: Int, count: Int) -> Bool {
    for index in 0..<count {
      var before = 0.0
      for row in 0..<rows { before += basis[row * count + index] * basis[row * count + index] }
      for _ in 0..<2 {
        for other in 0..<index {
          var product = 0.0
          for row in 0..<rows { product += basis[row * count + index] * basis[row * count + other] }
          for row in 0..<rows { basis[row * count + index] -= product * basis[row * count + other] }
        }
      }
      var squares = 0.0
      for row in 0..<rows { squares += basis[row * count + index] * basis[row * count + index] }
      guard squares > before * 1e-24, squares > 0 else { return false }
      let length = squares.squareRoot()
      for row in 0..<rows { basis[row * count + index] /= length }
    }
    return true
  }

  /// Takes `scale` times what lies in the span out of a row, or out of some of its columns.
  func take(outOf values: inout MutableSpan<Float>, row: Int, columns wanted: Range<Int>, scale: Double) {
    for (place, column) in wanted.enumerated() {
      var part = 0.0
      for index in 0..<count { part += basis[row * count + index] * product[index * columns + column] }
      values[place] = Float(Double(values[place]) - scale * part)
    }
  }
}
