/// Writes JSON text piece by piece, in one line without spaces: what a container's header holds.
public struct JSONWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  /// Appends text that is JSON already: brackets, colons, commas.
  public mutating func write(raw text: String) { bytes.append(contentsOf: text.utf8) }

  public mutating func write(_ integer: Int) { bytes.append(contentsOf: String(integer).utf8) }

  /// Appends a string in quotes.
  /// - Parameter escapingNonASCII: whether other characters than ASCII are written as `\uXXXX`, as Python does.
  public mutating func write(_ string: String, escapingNonASCII: Bool = false) {
    bytes.append(UInt8(ascii: "\""))
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": write(raw: "\\\"")
      case "\\": write(raw: "\\\\")
      case "\u{8}": write(raw: "\\b")
      case "\u{C}": write(raw: "\\f")
      case "\n": write(raw: "\\n")
      case "\r": write(raw: "\\r")
      case "\t": write(raw: "\\t")
      case ..<" ": writeEscape(UInt16(scalar.value))
      case "\u{7F}" where escapingNonASCII: writeEscape(0x7F)
      case _ where scalar.isASCII: bytes.append(UInt8(scalar.value))
      case _ where escapingNonASCII: for unit in UTF16.encode(scalar) ?? .init() { writeEscape(unit) }
      default: bytes.append(contentsOf: UTF8.encode(scalar) ?? .init())
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func writeEscape(_ unit: UInt16) {
    let digits = String(unit, radix: 16)
    write(raw: "\\u" + String(repeating: "0", count: 4 - digits.count) + digits)
  }
}
