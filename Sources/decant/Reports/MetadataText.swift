internal import Evaluation
internal import JSON
internal import Tensors

/// A metadata value for people, on one line, and for programs.
enum MetadataText {
  /// Long strings and arrays are cut.
  static func short(_ value: MetadataValue) -> String {
    if let count = value.elementCount {
      guard case .array(let elements) = json(value) else { return "" }
      let shown = elements.prefix(4).map(text).joined(separator: ", ")
      return count > 4 ? "[\(shown), ...] (\(NumberText.grouped(count)))" : "[\(shown)]"
    }
    return text(json(value))
  }

  private static func text(_ value: JSONValue) -> String {
    switch value {
    case .string(let string):
      let line = string.replacing("\n", with: "\\n")
      return line.count > 80 ? "\(line.prefix(80))... (\(NumberText.grouped(string.utf8.count)) bytes)" : line
    case .number(let number): return Double(Float(number)) == number ? "\(Float(number))" : "\(number)"
    default: return JSONText.of(value)
    }
  }

  /// Bytes that are not text become text with replacement characters; numbers that JSON has no word for become null.
  static func json(_ value: MetadataValue) -> JSONValue {
    func number(_ value: Double) -> JSONValue { value.isFinite ? .number(value) : .null }
    if let integer = value.integer { return .integer(integer) }
    if let integers = value.integers { return .array(integers.map(JSONValue.integer)) }
    if let floats = value.floats { return .array(floats.map { number(Double($0)) }) }
    switch value {
    case .uint64(let large): return .number(Double(large))
    case .uint64s(let large): return .array(large.map { .number(Double($0)) })
    case .float32(let value): return number(Double(value))
    case .float64(let value): return number(value)
    case .bool(let value): return .bool(value)
    case .bools(let values): return .array(values.map(JSONValue.bool))
    case .string(let value): return .string(value)
    case .rawString(let bytes): return .string(String(decoding: bytes, as: UTF8.self))
    case .strings(let values): return .array(values.map(JSONValue.string))
    case .rawStrings(let values): return .array(values.map { .string(String(decoding: $0, as: UTF8.self)) })
    case .arrays(let values): return .array(values.map(json))
    default: return .null
    }
  }
}
