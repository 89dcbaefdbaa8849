extension JSONValue {
  /// The document as UTF-8 with sorted keys. Pretty is laid out as Python's `json.dumps(value, indent=2)` does it, with
  /// a final newline; otherwise it is one line without spaces. A number keeps its fraction, also `.0`: `transformers`
  /// refuses some settings that are integers.
  /// - Throws: `JSONError` when a number is NaN or infinite.
  public func serialized(pretty: Bool = true) throws(JSONError) -> [UInt8] {
    var writer = JSONWriter()
    try write(to: &writer, indentation: pretty ? "\n" : nil)
    if pretty { writer.write(raw: "\n") }
    return writer.bytes
  }

  /// - Parameter indentation: a line break and the spaces after it; nil for one line.
  private func write(to writer: inout JSONWriter, indentation: String?) throws(JSONError) {
    let inner = indentation.map { $0 + "  " }
    switch self {
    case .null: writer.write(raw: "null")
    case .bool(let value): writer.write(raw: "\(value)")
    case .integer(let value): writer.write(raw: "\(value)")
    case .number(let value):
      guard value.isFinite else { throw JSONError("\(value) cannot be written as JSON") }
      writer.write(raw: "\(value)")
    case .string(let value): writer.write(value)
    case .array(let values):
      writer.write(raw: "[")
      for (index, value) in values.enumerated() {
        writer.write(raw: (index == 0 ? "" : ",") + (inner ?? ""))
        try value.write(to: &writer, indentation: inner)
      }
      writer.write(raw: (values.isEmpty ? "" : indentation ?? "") + "]")
    case .object(let members):
      writer.write(raw: "{")
      let sorted = members.sorted { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
      for (index, (key, value)) in sorted.enumerated() {
        writer.write(raw: (index == 0 ? "" : ",") + (inner ?? ""))
        writer.write(key)
        writer.write(raw: indentation == nil ? ":" : ": ")
        try value.write(to: &writer, indentation: inner)
      }
      writer.write(raw: (members.isEmpty ? "" : indentation ?? "") + "}")
    }
  }
}
