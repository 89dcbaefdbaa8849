/// Elements of a tensor that follow each other: whole rows, or a part of one row.
struct RowPart {
  let rows: Range<Int>
  let columns: Range<Int>

  /// Elements in it.
  var count: Int { rows.count * columns.count }

  /// Its elements, counted row after row, in a tensor whose rows have `width`.
  func elements(width: Int) -> Range<Int> {
    let start = rows.lowerBound * width + columns.lowerBound
    return start..<start + count
  }

  /// A run of elements, cut where rows end: what is left of a row, whole rows, and the beginning of a row.
  static func parts(of elements: Range<Int>, width: Int) -> [RowPart] {
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
