/// A token's text as a dictionary key: two are equal when their bytes are. `String` itself also calls differently
/// composed forms of a character equal, which are different tokens.
struct TokenText: Hashable, Sendable {
  let string: String

  init(_ string: String) { self.string = string }

  static func == (one: TokenText, other: TokenText) -> Bool {
    one.string.utf8.count == other.string.utf8.count && one.string.utf8.elementsEqual(other.string.utf8)
  }

  func hash(into hasher: inout Hasher) {
    var word: UInt64 = 0
    var filled = 0
    for byte in string.utf8 {
      word = word << 8 | UInt64(byte)
      filled += 1
      if filled % 8 == 0 {
        hasher.combine(word)
        word = 0
      }
    }
    hasher.combine(word)
    hasher.combine(filled)
  }
}
