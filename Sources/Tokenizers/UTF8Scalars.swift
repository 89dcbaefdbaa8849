/// Walks valid UTF-8, scalar by scalar.
enum UTF8Scalars {
  /// Bytes of the scalar that begins with `byte`.
  static func length(_ byte: UInt8) -> Int {
    byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
  }

  /// The scalar at `index` and its length. What is not UTF-8 reads as U+FFFD of one byte.
  static func scalar(_ text: Span<UInt8>, at index: Int) -> (value: UInt32, length: Int) {
    let byte = text[index]
    if byte < 0x80 { return (UInt32(byte), 1) }
    let length = length(byte)
    guard byte >= 0xC0, index + length <= text.count else { return (0xFFFD, 1) }
    var value = UInt32(byte) & (0x7F >> UInt32(length))
    for offset in 1..<length { value = value << 6 | UInt32(text[index + offset] & 0x3F) }
    return (value, length)
  }

  /// Where the scalar that ends before `index` begins.
  static func start(before index: Int, _ text: Span<UInt8>) -> Int {
    var start = index - 1
    while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
    return start
  }
}
