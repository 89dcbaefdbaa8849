internal import FoundationEssentials

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

  /// Parses a whole document.
  /// - Throws: `JSONError` with the parser's sentence when the bytes are not one valid JSON document.
  public init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
    do {
      self = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
    } catch {
      throw JSONError(error)
    }
  }

  /// The document as UTF-8 with sorted keys, two-space indentation and a final newline.
  public func serialized(pretty: Bool = true) throws(JSONError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting =
      pretty ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
    do {
      var bytes = [UInt8](try encoder.encode(self))
      if pretty { bytes.append(UInt8(ascii: "\n")) }
      return bytes
    } catch {
      throw JSONError(error)
    }
  }
}

/// Why a document could not be read or written, as one sentence.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  public let description: String

  public init(_ error: any Error) {
    switch error {
    case DecodingError.dataCorrupted(let context):
      description = Self.sentence(context)
    case DecodingError.keyNotFound(let key, let context):
      description = "no key \"\(key.stringValue)\"" + Self.place(context)
    case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
      description = Self.sentence(context)
    default:
      description = "not valid JSON (\(error))"
    }
  }

  private static func sentence(_ context: DecodingError.Context) -> String {
    var sentence = context.debugDescription
    if let cause = context.underlyingError { sentence += " \(cause)" }
    return sentence + place(context)
  }

  private static func place(_ context: DecodingError.Context) -> String {
    context.codingPath.isEmpty
      ? "" : " at " + context.codingPath.map(\.stringValue).joined(separator: ".")
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

// MARK: - Coding

extension JSONValue: Codable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let values): try container.encode(values)
    case .object(let members): try container.encode(members)
    }
  }
}
