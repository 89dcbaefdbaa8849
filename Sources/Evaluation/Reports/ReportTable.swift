/// A table of text, for a terminal or as Markdown. The first column is words, the others are numbers and stand to the
/// right, unless `leading` says otherwise.
package struct ReportTable: Hashable, Sendable {
  let heading: String
  let columns: [String]
  let rows: [[String]]
  /// How many columns from the first are words.
  let leading: Int

  package init(_ heading: String, columns: [String], leading: Int = 1, rows: [[String]]) {
    self.heading = Self.printable(heading)
    self.columns = columns.map(Self.printable)
    self.leading = leading
    self.rows = rows.map { row in row.map(Self.printable) }
  }

  /// Columns as wide as their widest cell, two spaces between.
  package var plain: String {
    let widths = columns.indices.map { column in
      ([columns] + rows).map { $0[column].count }.max() ?? 0
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
    return ([heading, line(columns)] + rows.map(line)).joined(separator: "\n") + "\n"
  }

  package var markdown: String {
    func line(_ cells: [String]) -> String {
      "| " + cells.map { Self.escaped($0) }.joined(separator: " | ") + " |"
    }
    let rule = columns.indices.map { $0 < leading ? "---" : "---:" }
    let lines = [line(columns), "| " + rule.joined(separator: " | ") + " |"] + rows.map(line)
    return "### \(Self.escaped(heading))\n\n" + lines.joined(separator: "\n") + "\n"
  }

  /// Names come from files: what would command a terminal is spelled out.
  private static func printable(_ text: String) -> String {
    var shown = ""
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator: shown += scalar.escaped(asASCII: true)
      default: shown.unicodeScalars.append(scalar)
      }
    }
    return shown
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
