/// Rows of Float in one piece of memory, for activations and logits: `rows` of `columns` values, row after row.
///
/// Several tasks may work on one matrix at a time, as long as none writes what another one reads or writes: whoever
/// hands out the work sees to that. Reading is open to everybody, writing to the modules of this package.
@safe public final class Matrix: @unchecked Sendable {
  public let rows: Int
  public let columns: Int
  /// Aligned for the widest vectors.
  private let storage: UnsafeMutableBufferPointer<Float>

  /// A matrix whose values are not set.
  package init(rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0, "a matrix cannot have a negative size")
    self.rows = rows
    self.columns = columns
    let count = rows * columns
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: 64)
    unsafe self.storage = UnsafeMutableBufferPointer(
      start: bytes.bindMemory(to: Float.self).baseAddress, count: count)
  }

  /// A matrix with these values, row after row.
  @_spi(Benchmarks) public convenience init(rows: Int, columns: Int, values: [Float]) {
    precondition(values.count == rows * columns, "a matrix needs all its values")
    self.init(rows: rows, columns: columns)
    withMutableRows(0..<rows) { span in for index in span.indices { span[index] = values[index] } }
  }

  deinit { unsafe UnsafeMutableRawBufferPointer(storage).deallocate() }

  /// Lends one row, `columns` values.
  public func withRow<Result, Failure: Error>(
    _ row: Int, _ body: (Span<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(row >= 0 && row < rows, "there is no such row")
    return try body(
      unsafe Span(_unsafeStart: UnsafePointer(start(row: row, column: 0)), count: columns))
  }

  /// Lends rows to write to, `rows.count * columns` values. Nobody else may use them meanwhile.
  package func withMutableRows<Result, Failure: Error>(
    _ rows: Range<Int>, _ body: (inout MutableSpan<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "there are no such rows")
    var span = unsafe MutableSpan(
      _unsafeStart: start(row: rows.lowerBound, column: 0), count: rows.count * columns)
    return try body(&span)
  }

  /// Lends rows as bytes in the machine's order.
  package func withBytes<Result, Failure: Error>(
    ofRows rows: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "there are no such rows")
    let span = unsafe Span(
      _unsafeStart: UnsafePointer(start(row: rows.lowerBound, column: 0)), count: rows.count * columns)
    return try body(unsafe span.bytes)
  }

  /// Lends rows as bytes to write to. Nobody else may use them meanwhile.
  package func withMutableBytes<Result, Failure: Error>(
    ofRows rows: Range<Int>, _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= self.rows, "there are no such rows")
    var span = unsafe MutableSpan(
      _unsafeStart: start(row: rows.lowerBound, column: 0), count: rows.count * columns)
    var bytes = unsafe span.mutableBytes
    return try body(&bytes)
  }

  /// Where a value lies. The bounds are the caller's to check.
  @unsafe package func start(row: Int, column: Int) -> UnsafeMutablePointer<Float> {
    guard let base = unsafe storage.baseAddress else { preconditionFailure("a matrix always has memory") }
    return unsafe base + (row * columns + column)
  }
}
