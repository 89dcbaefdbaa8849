public import Bytes

/// A tensor whose rows can be had as Float, whatever they are stored as and however they are derived:
/// decoded from blocks, permuted, or with an adapter added.
///
/// Safe to read from several tasks at once.
public protocol RowSource: Sendable {
  /// Outermost dimension first.
  var shape: [Int] { get }

  /// Writes rows `rows` to `values`, row after row (`rows.count * columns` values).
  /// `scratch` is the caller's buffer for encoded bytes, grown as needed and reused between calls.
  /// - Throws: `FileError` when a file ends early or cannot be read.
  func read(rows: Range<Int>, into values: inout MutableSpan<Float>, scratch: inout [UInt8])
    throws(FileError)
}

extension RowSource {
  /// Length of a row: the innermost dimension, 1 for a scalar.
  public var columns: Int { shape.last ?? 1 }

  /// Number of rows: the product of all dimensions but the innermost, 0 where rows are empty.
  public var rowCount: Int { columns == 0 ? 0 : shape.dropLast().reduce(1, *) }

  /// All values of a small tensor.
  public func values() throws(FileError) -> [Float] {
    var values = [Float](repeating: 0, count: rowCount * columns)
    var span = values.mutableSpan
    var scratch: [UInt8] = []
    try read(rows: 0..<rowCount, into: &span, scratch: &scratch)
    return values
  }
}
