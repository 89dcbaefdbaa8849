internal import FoundationEssentials

extension JSONValue {
  /// The document as UTF-8 with sorted keys. Pretty is laid out as Python's `json.dumps(value, indent=2)` does it, with
  /// a final newline; otherwise it is one line without spaces. A whole number is written without a fraction.
  /// - Throws: `JSONError` when a number is NaN or infinite.
  public func serialized(pretty: Bool = true) throws(JSONError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      let line = try encoder.encode(self)
      return pretty ? Self.laidOut(line) : Array(line)
    } catch {
      throw JSONError("a value cannot be written as JSON: \(error)")
    }
  }

  /// Puts line breaks and spaces into a document that has none. The encoder's own pretty printing has a space before
  /// each colon and two line breaks in each empty array, unlike any other file in a model's folder.
  private static func laidOut(_ line: Data) -> [UInt8] {
    var laidOut: [UInt8] = []
    var depth = 0
    var isInString = false
    var previous: UInt8 = 0
    func breakLine() {
      laidOut.append(UInt8(ascii: "\n"))
      laidOut.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
    }
    for byte in line {
      let opened = previous == UInt8(ascii: "[") || previous == UInt8(ascii: "{")
      switch byte {
      case _ where isInString:
        if byte == UInt8(ascii: "\""), previous != UInt8(ascii: "\\") { isInString = false }
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        depth -= 1
        if !opened { breakLine() }
      default:
        if opened { breakLine() }
        if byte == UInt8(ascii: "[") || byte == UInt8(ascii: "{") { depth += 1 }
        isInString = byte == UInt8(ascii: "\"")
      }
      laidOut.append(byte)
      if !isInString, byte == UInt8(ascii: ",") { breakLine() }
      if !isInString, byte == UInt8(ascii: ":") { laidOut.append(UInt8(ascii: " ")) }
      // After an escaped backslash comes no escape.
      previous = isInString && previous == UInt8(ascii: "\\") ? 0 : byte
    }
    laidOut.append(UInt8(ascii: "\n"))
    return laidOut
  }
}

extension JSONValue: Encodable {
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
