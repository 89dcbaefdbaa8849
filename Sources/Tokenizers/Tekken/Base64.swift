/// Bytes written as text in base 64 (RFC 4648, section 4).
enum Base64 {
  /// Appends the bytes that `text` stands for.
  /// - Returns: false where it is not base 64: other characters, a length that is no multiple of four, padding that is
  ///   not at the end. Then some bytes may have been appended.
  static func decode(_ text: some Collection<UInt8>, into bytes: inout [UInt8]) -> Bool {
    guard text.count.isMultiple(of: 4) else { return false }
    var group: UInt32 = 0
    var filled = 0
    var padding = 0
    for character in text {
      if character == UInt8(ascii: "=") {
        padding += 1
        group <<= 6
      } else {
        guard padding == 0, let value = value(character) else { return false }
        group = group << 6 | value
      }
      filled += 1
      if filled == 4 {
        guard padding <= 2 else { return false }
        for shift in stride(from: 16, through: 8 * padding, by: -8) {
          bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(shift)))
        }
        group = 0
        filled = 0
      }
    }
    return true
  }

  static func text(of bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let count = min(3, bytes.count - start)
      var group: UInt32 = 0
      for place in 0..<3 { group = group << 8 | (place < count ? UInt32(bytes[start + place]) : 0) }
      for place in 0..<4 {
        text.append(place <= count ? alphabet[Int(group >> UInt32(18 - 6 * place)) & 63] : UInt8(ascii: "="))
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  private static func value(_ character: UInt8) -> UInt32? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
    case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
