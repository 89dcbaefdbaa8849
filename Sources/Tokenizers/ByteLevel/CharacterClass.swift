/// The classes of characters that the pre-tokenizers' regular expressions tell apart. They do not overlap.
enum CharacterClass: UInt8 {
  /// `\p{L}`
  case letter
  /// `\p{N}`
  case number
  /// `[\r\n]`
  case newline
  /// `\s` without `[\r\n]`
  case space
  /// `[^\s\p{L}\p{N}]`
  case other

  var isWhitespace: Bool { self == .newline || self == .space }

  private static let ascii: [CharacterClass] = (0..<128).map { value in
    switch UInt8(value) {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): .letter
    case UInt8(ascii: "0")...UInt8(ascii: "9"): .number
    case 0x0A, 0x0D: .newline
    case 0x09, 0x0B, 0x0C, 0x20: .space
    default: .other
    }
  }

  /// Class and length of the scalar at `index`.
  static func at(_ index: Int, _ text: Span<UInt8>) -> (kind: CharacterClass, length: Int) {
    let byte = text[index]
    if byte < 0x80 { return (ascii[Int(byte)], 1) }
    let (value, length) = UTF8Scalars.scalar(text, at: index)
    return (of(value), length)
  }

  private static func of(_ value: UInt32) -> CharacterClass {
    guard let scalar = Unicode.Scalar(value) else { return .other }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
    case .decimalNumber, .letterNumber, .otherNumber: return .number
    default: return scalar.properties.isWhitespace ? .space : .other
    }
  }
}
