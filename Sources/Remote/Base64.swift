/// Digests as S3 writes them.
enum Base64 {
  private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// 32 bytes in hexadecimal digits; nil for what is no such text.
  static func hexadecimal(ofSHA256 text: String) -> String? {
    let digits = text.utf8.filter { $0 != UInt8(ascii: "=") }.map { Self.digits.firstIndex(of: $0) }
    guard text.utf8.count == 44, digits.count == 43 else { return nil }
    var bits = ""
    for digit in digits {
      guard let digit else { return nil }
      let text = String(digit, radix: 2)
      bits += String(repeating: "0", count: 6 - text.count) + text
    }
    var result = ""
    var rest = bits.utf8.prefix(256)
    while !rest.isEmpty {
      let part = String(Substring(rest.prefix(4)))
      result += String(UInt8(part, radix: 2) ?? 0, radix: 16)
      rest = rest.dropFirst(4)
    }
    return result
  }
}
