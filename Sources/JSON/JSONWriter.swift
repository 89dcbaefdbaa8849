/// Writes JSON text piece by piece. What `JSONValue` would lose is written with it directly: a header whose bytes are
/// those of another library, members in their order, keys that differ only in how a character is composed.
public struct JSONWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  /// Makes room for about that many bytes, so that a long document is not copied as it grows.
  public mutating func reserveCapacity(_ byteCount: Int) { bytes.reserveCapacity(byteCount) }

  /// Appends text that is JSON already: brackets, colons, commas, numbers.
  public mutating func write(raw text: String) { bytes.append(contentsOf: text.utf8) }

  /// Appends a string in quotes. Escaped is what must be, as `serde_json` and Python do it.
  public mutating func write(_ string: String) {
    bytes.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): write(raw: "\\\"")
      case UInt8(ascii: "\\"): write(raw: "\\\\")
      case 0x08: write(raw: "\\b")
      case 0x0C: write(raw: "\\f")
      case 0x0A: write(raw: "\\n")
      case 0x0D: write(raw: "\\r")
      case 0x09: write(raw: "\\t")
      case ..<0x20: write(raw: (byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16))
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
