extension Splitter {
  /// The pattern of Mistral's Tekken: a word changes from capitals to small letters, but not back, and marks belong to
  /// letters. llama.cpp's own expression for it knows the case of ASCII letters only, and no marks.
  static let tekken = Splitter(
    name: "Tekken",
    expressions: [
      #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"#
        + #"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"#
        + #"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    ],
    pieceEnd: { text, start, end in
      let (kind, length) = CharacterClass.at(start, text)
      if kind == .number { return start + length }
      return LetterCase.wordEnd(text, start, end, mayBegin: kind == .space || kind == .other)
        ?? otherEnd(text, start, end, more: [UInt8(ascii: "/")])
    })
}

/// What a character is to an expression that tells capitals from small letters.
private enum LetterCase {
  /// `[\p{Lu}\p{Lt}]`
  case capital
  /// `\p{Ll}`
  case small
  /// `[\p{Lm}\p{Lo}\p{M}]`, which counts as both.
  case either
  /// No letter and no mark.
  case none

  private static func at(_ index: Int, _ text: Span<UInt8>) -> (kind: LetterCase, length: Int) {
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
    case .modifierLetter, .otherLetter, .nonspacingMark, .spacingMark, .enclosingMark: return (.either, length)
    default: return (.none, length)
    }
  }

  /// The first two alternatives of the pattern, in the order in which a backtracking matcher tries them.
  /// - Parameter mayBegin: whether the first character may stand before the letters, `[^\r\n\p{L}\p{N}]?`.
  static func wordEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, mayBegin: Bool) -> Int? {
    let afterFirst = start + (mayBegin ? CharacterClass.at(start, text).length : 0)
    let withFirst = ends(text, afterFirst, end)
    // Only a mark is both what may stand before letters and one of them.
    let without = mayBegin ? ends(text, start, end) : withFirst
    return withFirst.small ?? without.small ?? withFirst.capitals ?? without.capitals
  }

  /// Ends of `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+` and, where that does not match, of
  /// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+`.
  private static func ends(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> (small: Int?, capitals: Int?) {
    var index = start
    var afterEither: Int?
    while index < end {
      let (kind, length) = at(index, text)
      if kind == .small || kind == .none { break }
      index += length
      if kind == .either { afterEither = index }
    }
    let capitals = index > start ? index : nil
    guard index < end, case (.small, _) = at(index, text) else { return (afterEither, capitals) }
    while index < end {
      let (kind, length) = at(index, text)
      guard kind == .small || kind == .either else { break }
      index += length
    }
    return (index, capitals)
  }
}
