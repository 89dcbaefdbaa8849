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
  /// `\p{M}`
  case mark
  /// `\p{P}`
  case punctuation
  /// `\p{S}`
  case symbol
  /// What is none of these: controls, format characters, what Unicode has not assigned.
  case control

  var isWhitespace: Bool { self == .newline || self == .space }

  /// `[^\s\p{L}\p{N}]`
  var isOther: Bool { rawValue >= CharacterClass.mark.rawValue }

  private static let ascii: [CharacterClass] = (0..<128).map { of($0) }

  /// Class and length of the scalar at `index`.
  static func at(_ index: Int, _ text: Span<UInt8>) -> (kind: CharacterClass, length: Int) {
    let byte = text[index]
    if byte < 0x80 { return (ascii[Int(byte)], 1) }
    let (value, length) = UTF8Scalars.scalar(text, at: index)
    return (of(value), length)
  }

  private static func of(_ value: UInt32) -> CharacterClass {
    guard let scalar = Unicode.Scalar(value) else { return .control }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
    case .decimalNumber, .letterNumber, .otherNumber: return .number
    case .nonspacingMark, .spacingMark, .enclosingMark: return .mark
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      return .punctuation
    case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol: return .symbol
    default:
      if value == 0x0A || value == 0x0D { return .newline }
      return scalar.properties.isWhitespace ? .space : .control
    }
  }
}
