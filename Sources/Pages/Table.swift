/// A table of a page.
struct Table {
  let caption: String
  let columns: [Column]
  let rows: [Row]

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
    var figure: Figure?
  }

  var isEmpty: Bool { rows.isEmpty }
}

extension Table.Cell {
  /// The name of a row.
  static func heading(_ name: String) -> Self {
    Self(parts: [.init(text: SafeText.name(name))], isHeading: true, isNumber: false, order: SafeText.name(name))
  }

  static func text(_ text: String) -> Self {
    Self(parts: [.init(text: SafeText.name(text))], isNumber: false, order: SafeText.name(text))
  }

  /// A number; empty where there is none.
  static func figure(_ figure: Figure?) -> Self {
    Self(parts: figure.map { [.init(figure: $0)] } ?? [], isNumber: true, order: figure?.value ?? "")
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
