/// One JSON document or part of one. Objects forget the order of their keys and are written sorted, as
/// the `transformers` library writes its configuration files.
public enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// Parses a whole document. Of two members with one key the last counts; an integer that does not fit `Int`
  /// becomes a number.
  /// - Throws: `JSONError` when the bytes are not one valid JSON document.
  public init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
    var reader = JSONReader(Array(bytes))
    self = try JSONValue(&reader)
    try reader.finish()
  }

  /// Reads the value that comes next.
  public init(_ reader: inout JSONReader) throws(JSONError) {
    switch try reader.peek() {
    case .null:
      try reader.readNull()
      self = .null
    case .bool:
      self = .bool(try reader.readBool())
    case .number:
      switch try reader.readNumber() {
      case .integer(let value): self = .integer(value)
      case .floating(let value): self = .number(value)
      }
    case .string:
      self = .string(try reader.readString())
    case .array:
      var values: [JSONValue] = []
      try reader.beginArray()
      while try reader.nextElement() { values.append(try JSONValue(&reader)) }
      self = .array(values)
    case .object:
      var members: [String: JSONValue] = [:]
      try reader.beginObject()
      while let key = try reader.nextKey() { members[key] = try JSONValue(&reader) }
      self = .object(members)
    }
  }

  /// The document as UTF-8. Pretty is as Python's `json.dumps(value, indent=2, sort_keys=True)` prints it, with a
  /// final newline; otherwise one line without spaces, also with sorted keys.
  /// - Throws: `JSONError` when a number is NaN or infinite.
  public func serialized(pretty: Bool = true) throws(JSONError) -> [UInt8] {
    var writer = JSONWriter()
    try write(to: &writer, pretty: pretty, depth: 0)
    if pretty { writer.write(raw: "\n") }
    return writer.bytes
  }

  private func write(to writer: inout JSONWriter, pretty: Bool, depth: Int) throws(JSONError) {
    func newLine(_ depth: Int) -> String { pretty ? "\n" + String(repeating: "  ", count: depth) : "" }
    switch self {
    case .null: writer.write(raw: "null")
    case .bool(let value): writer.write(raw: value ? "true" : "false")
    case .integer(let value): writer.write(value)
    case .number(let value):
      guard value.isFinite else { throw JSONError("\(value) cannot be written as JSON") }
      writer.write(raw: "\(value)")
    case .string(let value): writer.write(value, escapingNonASCII: pretty)
    case .array(let values):
      writer.write(raw: "[")
      for (index, value) in values.enumerated() {
        writer.write(raw: (index == 0 ? "" : ",") + newLine(depth + 1))
        try value.write(to: &writer, pretty: pretty, depth: depth + 1)
      }
      writer.write(raw: values.isEmpty ? "]" : newLine(depth) + "]")
    case .object(let members):
      writer.write(raw: "{")
      let sorted = members.sorted { $0.key.unicodeScalars.lexicographicallyPrecedes($1.key.unicodeScalars) }
      for (index, (key, value)) in sorted.enumerated() {
        writer.write(raw: (index == 0 ? "" : ",") + newLine(depth + 1))
        writer.write(key, escapingNonASCII: pretty)
        writer.write(raw: pretty ? ": " : ":")
        try value.write(to: &writer, pretty: pretty, depth: depth + 1)
      }
      writer.write(raw: members.isEmpty ? "}" : newLine(depth) + "}")
    }
  }
}

// MARK: - Reading parts

extension JSONValue {
  /// The member of an object; nil where this is no object or has no such member.
  public subscript(key: String) -> JSONValue? {
    if case .object(let members) = self { members[key] } else { nil }
  }

  public var isNull: Bool { self == .null }

  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  public var string: String? { if case .string(let value) = self { value } else { nil } }

  public var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }

  public var object: [String: JSONValue]? { if case .object(let members) = self { members } else { nil } }

  /// An integer, also when it was written as `4096.0`.
  public var int: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  public var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
}

// MARK: - Literals

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements, uniquingKeysWith: { _, last in last }))
  }
  public init(nilLiteral: ()) { self = .null }
}
