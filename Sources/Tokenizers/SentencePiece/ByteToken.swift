/// Tokens of the form `<0xHH>`, which stand for one byte.
enum ByteToken {
  /// The byte; nil for any text that is not exactly of that form, such as `<0x-1>`.
  static func byte(of token: String) -> UInt8? {
    let bytes = Array(token.utf8.prefix(7))
    guard bytes.count == 6, bytes.starts(with: "<0x".utf8), bytes[5] == UInt8(ascii: ">"),
      let high = digit(bytes[3]), let low = digit(bytes[4])
    else { return nil }
    return high << 4 | low
  }

  static func token(of byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return "<0x" + (digits.utf8.count == 1 ? "0" : "") + digits + ">"
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    default: nil
    }
  }
}
