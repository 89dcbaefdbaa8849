/// A table of a page.
struct Table {
  let caption: String
  let columns: [Column]
  let rows: [Row]
  /// Characters that the names of rows have at most, so that short ones take no more room than they need.
  let nameWidth: Int

  init(caption: String, columns: [Column], rows: [Row]) {
    self.caption = caption
    self.columns = columns
    self.rows = rows
    let names = rows.flatMap { $0.cells.filter(\.isHeading).map(\.order.count) }
    nameWidth = min(Self.mostName, names.max() ?? 0) + 2
  }

  private static let mostName = 60

  struct Column {
    let text: String
    let isNumber: Bool

    init(_ text: String, isNumber: Bool = true) {
      self.text = text
      self.isNumber = isNumber
    }
  }

  struct Row {
    let cells: [Cell]
  }

  struct Cell {
    let parts: [Part]
    /// Whether it names its row.
    var isHeading = false
    let isNumber: Bool
    /// By what the rows are sorted.
    let order: String
  }

  /// A piece of a cell, or of a sentence.
  struct Part {
    var text: String?
    /// How the text goes on, where it may go on in another line.
    var more: [String] = []
    var figure: Figure?

    init(text: String) { self.text = text }

    init(figure: Figure) { self.figure = figure }

    /// Text that may be broken behind the marks in names, so that it is not broken within their words.
    init(name: String) {
      var pieces: [String] = []
      var piece = ""
      for character in name {
        piece.append(character)
        guard "._/:".contains(character) else { continue }
        pieces.append(piece)
        piece = ""
      }
      if !piece.isEmpty { pieces.append(piece) }
      text = pieces.first ?? ""
      more = Array(pieces.dropFirst())
    }
  }

  var isEmpty: Bool { rows.isEmpty }
}

extension Table.Cell {
  /// The name of a row.
  static func heading(_ name: String) -> Self {
    Self(parts: [.init(name: SafeText.name(name))], isHeading: true, isNumber: false, order: SafeText.name(name))
  }

  static func text(_ text: String) -> Self {
    Self(parts: [.init(name: SafeText.name(text))], isNumber: false, order: SafeText.name(text))
  }

  /// A number.
  /// - Parameter words: what stands where there is none.
  static func figure(_ figure: Figure?, or words: String = "") -> Self {
    Self(parts: [figure.map { .init(figure: $0) } ?? .init(text: words)], isNumber: true, order: figure?.value ?? "")
  }

  /// A number and its standard error.
  static func estimate(_ value: Figure, _ error: Figure) -> Self {
    Self(parts: [.init(figure: value), .init(text: " ± "), .init(figure: error)], isNumber: true, order: value.value)
  }

  /// Numbers one after the other.
  static func figures(_ figures: [Figure], between: String) -> Self {
    let parts = figures.enumerated().flatMap { number, figure in
      (number == 0 ? [] : [Table.Part(text: between)]) + [Table.Part(figure: figure)]
    }
    return Self(parts: parts, isNumber: true, order: figures.first?.value ?? "")
  }
}
