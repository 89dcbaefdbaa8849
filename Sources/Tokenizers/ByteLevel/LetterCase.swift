/// What a character is to an expression that tells capitals from small letters.
enum LetterCase {
  /// `[\p{Lu}\p{Lt}]`
  case capital
  /// `\p{Ll}`
  case small
  /// `[\p{Lm}\p{Lo}\p{M}]`, which counts as both.
  case either
  /// No letter and no mark.
  case none

  private static func at(_ index: Int, _ text: Span<UInt8>, withoutHan: Bool) -> (kind: LetterCase, length: Int) {
    let byte = text[index]
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"): return (.small, 1)
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): return (.capital, 1)
    case 0..<0x80: return (.none, 1)
    default: break
    }
    let (value, length) = UTF8Scalars.scalar(text, at: index)
    switch Unicode.Scalar(value)?.properties.generalCategory {
    case .uppercaseLetter, .titlecaseLetter: return (.capital, length)
    case .lowercaseLetter: return (.small, length)
    case .modifierLetter, .otherLetter, .nonspacingMark, .spacingMark, .enclosingMark:
      return (withoutHan && CharacterRanges.han.contains(value) ? .none : .either, length)
    default: return (.none, length)
    }
  }

  /// End of `X?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`, or else of
  /// `X?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*`, in the order in which a backtracking matcher tries.
  /// - Parameter mayBegin: whether the first character may stand before the letters, as `X`.
  static func wordEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, mayBegin: Bool, withoutHan: Bool) -> Int? {
    let afterFirst = start + (mayBegin ? CharacterClass.at(start, text).length : 0)
    let withFirst = ends(text, afterFirst, end, withoutHan: withoutHan)
    // Only a mark is both what may stand before letters and one of them.
    let without = mayBegin ? ends(text, start, end, withoutHan: withoutHan) : withFirst
    return withFirst.small ?? without.small ?? withFirst.capitals ?? without.capitals
  }

  /// Ends of `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` and, where that does not match, of
  /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+`.
  private static func ends(_ text: Span<UInt8>, _ start: Int, _ end: Int, withoutHan: Bool) -> (
    small: Int?, capitals: Int?
  ) {
    var index = start
    var afterEither: Int?
    while index < end {
      let (kind, length) = at(index, text, withoutHan: withoutHan)
      if kind == .small || kind == .none { break }
      index += length
      if kind == .either { afterEither = index }
    }
    let capitals = index > start ? index : nil
    guard index < end, case (.small, _) = at(index, text, withoutHan: withoutHan) else {
      return (afterEither, capitals)
    }
    while index < end {
      let (kind, length) = at(index, text, withoutHan: withoutHan)
      guard kind == .small || kind == .either else { break }
      index += length
    }
    return (index, capitals)
  }
}
