internal import Bytes

/// A table of text, for a terminal or as Markdown. The first column is words, the others are numbers and stand to the
/// right, unless `leading` says otherwise.
package struct ReportTable {
  let heading: String
  let columns: [String]
  /// Made when they are asked for, where they are lazy: a table may have 200,000.
  let rows: any Collection<[String]>
  /// How many columns from the first are words.
  let leading: Int

  package init(_ heading: String, columns: [String], leading: Int = 1, rows: any Collection<[String]>) {
    self.heading = heading.printable
    self.columns = columns.map(\.printable)
    self.leading = leading
    self.rows = rows
  }

  /// Columns as wide as their widest cell, two spaces between.
  package var plain: String {
    var text = ""
    forEachLine { text += $0 + "\n" }
    return text
  }

  /// The lines of `plain`, one by one.
  package func forEachLine<Failure>(_ body: (String) throws(Failure) -> Void) throws(Failure) {
    var widths = columns.map(\.count)
    for row in rows {
      for (column, cell) in row.enumerated() { widths[column] = max(widths[column], cell.printable.count) }
    }
    func line(_ cells: [String]) -> String {
      let padded = cells.enumerated().map { column, cell in
        let space = String(repeating: " ", count: widths[column] - cell.count)
        return column < leading ? cell + space : space + cell
      }
      var text = "  " + padded.joined(separator: "  ")
      while text.hasSuffix(" ") { text.removeLast() }
      return text
    }
    try body(heading)
    try body(line(columns))
    for row in rows { try body(line(row.map(\.printable))) }
  }

  package var markdown: String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { Self.escaped($0) }.joined(separator: " | ") + " |"
    }
    let rule = columns.indices.map { $0 < leading ? "---" : "---:" }
    let lines =
      [line(columns), "| " + rule.joined(separator: " | ") + " |"] + rows.map { line($0.map(\.printable)) }
    return "### \(Self.escaped(heading))\n\n" + lines.joined(separator: "\n") + "\n"
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      if "\\|`*_<>[]".contains(character) { result.append("\\") }
      result.append(character)
    }
    return result
  }
}
