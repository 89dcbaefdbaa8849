/// The 256 printable characters in which byte-level vocabularies write bytes, as GPT-2 chose them: a byte that is a
/// printable Latin-1 character is itself, the others follow from U+0100 in order of value.
enum ByteAlphabet {
  /// The character of each byte.
  static let characters: [Unicode.Scalar] = {
    var characters: [Unicode.Scalar] = []
    var replacement: UInt32 = 0x100
    for byte in UInt8.min...UInt8.max {
      if isPrintable(byte) {
        characters.append(Unicode.Scalar(byte))
      } else {
        characters.append(Unicode.Scalar(replacement) ?? "\u{FFFD}")
        replacement += 1
      }
    }
    return characters
  }()

  private static let bytes: [Unicode.Scalar: UInt8] = Dictionary(
    zip(characters, UInt8.min...UInt8.max), uniquingKeysWith: { first, _ in first })

  private static func isPrintable(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: true
    default: false
    }
  }

  /// The text a token has for these bytes.
  static func text(of bytes: some Sequence<UInt8>) -> String {
    var text = String.UnicodeScalarView()
    for byte in bytes { text.append(characters[Int(byte)]) }
    return String(text)
  }

  /// The bytes a token stands for; nil where it has a character outside the alphabet.
  static func bytes(of text: String) -> [UInt8]? {
    var result: [UInt8] = []
    for scalar in text.unicodeScalars {
      guard let byte = bytes[scalar] else { return nil }
      result.append(byte)
    }
    return result
  }
}
