/// A rectangle of a matrix: what a multiplication or a row kernel works on. Its bounds are checked once, here.
@_spi(Benchmarks) public struct MatrixPart: Sendable {
  package let matrix: Matrix
  /// Range of rows in the matrix.
  package let rows: Range<Int>
  /// Range of columns in the matrix.
  package let columns: Range<Int>

  package init(_ matrix: Matrix, rows: Range<Int>? = nil, columns: Range<Int>? = nil) {
    let rows = rows ?? 0..<matrix.rows
    let columns = columns ?? 0..<matrix.columns
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= matrix.rows && columns.lowerBound >= 0
        && columns.upperBound <= matrix.columns, "this part is not inside its matrix")
    self.matrix = matrix
    self.rows = rows
    self.columns = columns
  }

  /// Elements from one row to the next.
  package var stride: Int { matrix.columns }

  @unsafe package var start: UnsafeMutablePointer<Float> {
    unsafe matrix.start(row: rows.lowerBound, column: columns.lowerBound)
  }
}

@_spi(Benchmarks) extension Matrix {
  /// The part of some rows and columns; all of them where nothing is said.
  public func part(rows: Range<Int>? = nil, columns: Range<Int>? = nil) -> MatrixPart {
    MatrixPart(self, rows: rows, columns: columns)
  }
}

extension MatrixPart {
  /// Some rows of this part, counted from its first.
  package func rows(_ range: Range<Int>) -> MatrixPart {
    MatrixPart(
      matrix, rows: rows.lowerBound + range.lowerBound..<rows.lowerBound + range.upperBound, columns: columns)
  }

  /// Some columns of this part, counted from its first.
  package func columns(_ range: Range<Int>) -> MatrixPart {
    MatrixPart(
      matrix, rows: rows, columns: columns.lowerBound + range.lowerBound..<columns.lowerBound + range.upperBound)
  }
}
