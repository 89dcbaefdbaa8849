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

  /// The lines of `plain`, one by one. Where the table would be wider than `width`, words of the headings go under each
  /// other; a name that has no room has a line of its own; words in the last column go on in the next line.
  package func forEachLine<Failure>(
    width: Int = 80, _ body: (String) throws(Failure) -> Void
  ) throws(Failure) {
    let layout = Layout(of: self, width: width)
    try body(heading)
    if columns.contains(where: { !$0.isEmpty }) { try layout.forEachLine(ofHeadings: columns, body) }
    for row in rows { try layout.forEachLine(of: row.map(\.printable), body) }
  }

  /// How wide each column is.
  private struct Layout {
    var widths: [Int]
    let leading: Int

    init(of table: ReportTable, width: Int) {
      leading = table.leading
      var cells = table.columns.map { _ in 0 }
      for row in table.rows {
        for (column, cell) in row.enumerated() { cells[column] = max(cells[column], cell.printable.count) }
      }
      widths = zip(cells, table.columns).map { max($0, $1.count) }
      guard total > width else { return }
      widths = zip(cells, table.columns).map { max($0, Self.words(of: $1).map(\.count).max() ?? 0) }
      // What the widest column of words can have of what the others leave.
      let column = leading == widths.count && widths.count > 1 ? widths.count - 1 : 0
      guard total > width, leading > 0, widths.indices.contains(column) else { return }
      widths[column] = max(Self.leastWords, widths[column] - (total - width))
    }

    private static let leastWords = 8

    private var total: Int { widths.reduce(0) { $0 + $1 + 2 } }

    private static func words(of text: String) -> [Substring] { text.split(separator: " ") }

    func forEachLine<Failure>(
      ofHeadings headings: [String], _ body: (String) throws(Failure) -> Void
    ) throws(Failure) {
      let broken = zip(headings, widths).map(Self.lines)
      let height = broken.map(\.count).max() ?? 0
      for number in 0..<height {
        // The last words of all stand in one line.
        try body(
          line(
            broken.map { lines in
              let place = number - (height - lines.count)
              return place < 0 ? "" : lines[place]
            }))
      }
    }

    func forEachLine<Failure>(of row: [String], _ body: (String) throws(Failure) -> Void) throws(Failure) {
      var cells = row
      if cells.count > 1, let name = cells.first, name.count > widths[0] {
        try body("  " + name)
        cells[0] = ""
      }
      guard leading == cells.count, let last = cells.last, last.count > widths[cells.count - 1] else {
        return try body(line(cells))
      }
      for (number, part) in Self.lines(of: last, width: widths[cells.count - 1]).enumerated() {
        try body(line((number == 0 ? cells.dropLast() : cells.dropLast().map { _ in "" }) + [part]))
      }
    }

    /// A text in lines of at most that many characters, if no word is longer.
    private static func lines(of text: String, width: Int) -> [String] {
      guard text.count > width else { return [text] }
      var lines: [String] = []
      for word in words(of: text) {
        var rest = word
        if let last = lines.last, last.count + 1 + rest.count <= width {
          lines[lines.count - 1] += " " + rest
          continue
        }
        while rest.count > width {
          lines.append(String(rest.prefix(width)))
          rest = rest.dropFirst(width)
        }
        if !rest.isEmpty { lines.append(String(rest)) }
      }
      return lines
    }

    private func line(_ cells: [String]) -> String {
      let padded = cells.enumerated().map { column, cell in
        let space = String(repeating: " ", count: max(widths[column] - cell.count, 0))
        return column < leading ? cell + space : space + cell
      }
      var text = "  " + padded.joined(separator: "  ")
      while text.hasSuffix(" ") { text.removeLast() }
      return text
    }
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

  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      if "\\|`*_<>[]".contains(character) { result.append("\\") }
      result.append(character)
    }
    return result
  }
}
