/// A rectangle of a tensor, counted in its rows: whole rows, a part of one row, or some columns of several rows.
public struct RowPart: Hashable, Sendable {
  public let rows: Range<Int>
  public let columns: Range<Int>

  public init(rows: Range<Int>, columns: Range<Int>) {
    self.rows = rows
    self.columns = columns
  }

  /// Elements in it.
  public var count: Int { rows.count * columns.count }

  /// Whether its elements follow each other in a tensor whose rows have `width`.
  public func isRun(width: Int) -> Bool { rows.count <= 1 || columns.count == width }

  /// Its elements, counted row after row, in a tensor whose rows have `width`. Only for a run of them.
  public func elements(width: Int) -> Range<Int> {
    let start = rows.lowerBound * width + columns.lowerBound
    return start..<start + count
  }

  /// A run of elements, cut where rows end: what is left of a row, whole rows, and the beginning of a row.
  public static func parts(of elements: Range<Int>, width: Int) -> [RowPart] {
    var parts: [RowPart] = []
    var start = elements.lowerBound
    while start < elements.upperBound {
      let (row, column) = start.quotientAndRemainder(dividingBy: width)
      let wholeRows = (elements.upperBound - start) / width
      let part =
        column == 0 && wholeRows > 0
        ? RowPart(rows: row..<row + wholeRows, columns: 0..<width)
        : RowPart(rows: row..<row + 1, columns: column..<min(width, column + elements.upperBound - start))
      parts.append(part)
      start += part.count
    }
    return parts
  }
}
