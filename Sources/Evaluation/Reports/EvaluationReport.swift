internal import Bytes
public import JSON

/// What a measurement found, for people and for programs.
public protocol EvaluationReport: Sendable {
  /// For a terminal: aligned tables, a final newline.
  var plain: String { get }

  /// The same tables as Markdown.
  var markdown: String { get }

  /// An object with keys that stay. Numbers that are not finite are null.
  var json: JSONValue { get }
}

/// A report that is made of tables and remarks.
protocol TabularReport: EvaluationReport {
  var tables: [ReportTable] { get }
  /// Sentences under the tables.
  var remarks: [String] { get }
}

extension TabularReport {
  public var plain: String {
    (tables.map(\.plain) + (remarks.isEmpty ? [] : [remarks.map(\.printable).joined(separator: "\n") + "\n"]))
      .joined(separator: "\n")
  }

  public var markdown: String {
    (tables.map(\.markdown) + (remarks.isEmpty ? [] : [remarks.map(\.printable).joined(separator: "\n\n") + "\n"]))
      .joined(separator: "\n")
  }
}

extension JSONValue {
  /// A number; null where JSON has no word for it.
  package static func finite(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .null }
}
