internal import JSON

/// A report as JSON text for standard output.
enum JSONText {
  static func of(_ value: JSONValue) -> String {
    // Of finite numbers there is always a text.
    guard let bytes = try? finite(value).serialized() else { return "null" }
    var text = shown(bytes)
    while text.hasSuffix("\n") { text.removeLast() }
    return text
  }

  /// JSON has no NaN and no infinity: null stands for what was not measured.
  private static func finite(_ value: JSONValue) -> JSONValue {
    switch value {
    case .number(let number) where !number.isFinite: .null
    case .array(let elements): .array(elements.map(finite))
    case .object(let members): .object(members.mapValues(finite))
    default: value
    }
  }

  /// The text with all characters escaped that command a terminal or change the direction of text: a terminal is where
  /// it mostly goes, and names come from files.
  private static func shown(_ bytes: [UInt8]) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    guard bytes.contains(where: { $0 >= 0x7F }) else { return text }
    var shown = ""
    shown.reserveCapacity(bytes.count)
    for scalar in text.unicodeScalars {
      let isCommand =
        scalar.value >= 0x7F
        && [.control, .format, .lineSeparator, .paragraphSeparator].contains(scalar.properties.generalCategory)
      guard isCommand else {
        shown.unicodeScalars.append(scalar)
        continue
      }
      for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
        let digits = String(unit, radix: 16)
        shown += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      }
    }
    return shown
  }
}
