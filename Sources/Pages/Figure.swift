internal import Evaluation

/// A number of a measurement: as it is in the JSON, and as people read it. The page has no other numbers but those of axes.
struct Figure {
  /// So that it reads as the same number.
  let value: String
  let text: String

  init(_ value: Double, _ text: String) {
    self.value = Self.exact(value)
    self.text = value.isFinite ? text : "–"
  }

  init(_ value: Int, _ text: String? = nil) {
    self.value = String(value)
    self.text = text ?? NumberText.grouped(value)
  }

  static func significant(_ value: Double, _ digits: Int = 3) -> Figure {
    Figure(value, NumberText.significant(value, digits))
  }

  static func fixed(_ value: Double, _ decimals: Int) -> Figure { Figure(value, NumberText.fixed(value, decimals)) }

  static func signed(_ value: Double, _ decimals: Int) -> Figure { Figure(value, NumberText.signed(value, decimals)) }

  static func percent(_ share: Double, _ decimals: Int = 2) -> Figure {
    Figure(share, NumberText.percent(share, decimals))
  }

  static func bytes(_ count: Int) -> Figure { Figure(count, NumberText.bytes(count)) }

  /// Empty for what JSON has no word for.
  static func exact(_ value: Double) -> String { value.isFinite ? "\(value)" : "" }
}
