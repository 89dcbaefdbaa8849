public import Bytes

/// A tensor whose values can be had as Float, whatever they are stored as and however they are derived:
/// decoded from blocks, permuted, or with an adapter added.
///
/// Safe to read from several tasks at once.
public protocol RowSource: Sendable {
  /// Outermost dimension first.
  var shape: [Int] { get }

  /// Writes the elements `elements`, counted row after row, to `values`. A row may be longer than memory: what is read
  /// need not be whole rows.
  /// `scratch` is the caller's buffer for encoded bytes, grown as needed and reused between calls.
  /// - Throws: `FileError` when a file ends early or cannot be read.
  func read(elements: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8])
    throws(FileError)
}

extension RowSource {
  /// Length of a row: the innermost dimension, 1 for a scalar.
  public var columns: Int { shape.last ?? 1 }

  /// Number of rows: the product of all dimensions but the innermost, 0 where rows are empty.
  public var rowCount: Int { columns == 0 ? 0 : shape.dropLast().reduce(1, *) }

  /// Product of `shape`.
  public var elementCount: Int { shape.reduce(1, *) }

  /// The elements of all slabs but the last where one has `limit` at most: whole rows, unless a row is longer.
  public func slabElements(atMost limit: Int) -> Int {
    columns > 0 && columns <= limit ? limit / columns * columns : limit
  }

  /// One element.
  public func value(ofElement element: Int) throws(FileError) -> Float {
    var values: [Float] = [0]
    var scratch: [UInt8] = []
    var span = values.mutableSpan
    try read(elements: element..<element + 1, into: &span, scratch: &scratch)
    return values[0]
  }

  /// Writes rows `rows` to `values`, row after row (`rows.count * columns` values).
  public func read(rows: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8]) throws(FileError) {
    try read(elements: rows.lowerBound * columns..<rows.upperBound * columns, into: &values, scratch: &scratch)
  }

  /// All values of a small tensor.
  public func values() throws(FileError) -> [Float] {
    var values = [Float](repeating: 0, count: elementCount)
    var span = values.mutableSpan
    var scratch: [UInt8] = []
    try read(elements: 0..<elementCount, into: &span, scratch: &scratch)
    return values
  }
}
