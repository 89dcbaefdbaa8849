/// The expressions of newer vocabularies are one shape with a few choices: words with a character before them, numbers,
/// other characters with newlines after them, white space. Each choice is named here for what it means, and beside it
/// stands what it is in the expression.
struct WordPattern: Sendable {
  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)`
  enum Contractions: Sendable {
    case none
    /// Pieces of their own, before all else.
    case apart
    /// At the end of words.
    case attached
  }

  enum Letters: Sendable {
    /// `\p{L}+`
    case plain
    /// `[\p{L}\p{M}]+`
    case withMarks
    /// From capitals to small letters and not back; marks count as both.
    case byCase
    /// The same without Chinese characters, which are words of their own before all else: `[\p{Han}]+`.
    case byCaseAfterHan
    /// Words with single spaces between: `(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+`.
    case phrases
  }

  enum Others: Sendable {
    /// `[^\s\p{L}\p{N}]`
    case notWords
    /// `[^\s\p{L}\p{M}\p{N}]`
    case notWordsOrMarks
    /// `[\p{P}\p{S}]`, which do not stand before words either; a sign of ASCII before ASCII letters is one with them.
    case signs
  }

  /// What others may have after them.
  enum Tail: Sendable {
    case nothing
    /// `[\r\n]*`
    case newlines
    /// `[\r\n/]*`
    case newlinesAndSlashes
    /// `[\r\n/]?`
    case oneNewlineOrSlash
  }

  enum Spaces: Sendable {
    /// `\s*[\r\n]+|\s+(?!\S)|\s+`. `\s*[\r\n]` means the same.
    case lines
    /// `[\r\n]|\s+(?!\S)|\s+`
    case singleNewlines
  }

  var contractions = Contractions.apart
  var letters = Letters.plain
  /// Most numbers in a piece; 0 where the expression has none.
  var numbers = 1
  var others = Others.notWords
  var tail = Tail.newlines
  var spaces = Spaces.lines

  /// Whether every text is covered by matches.
  var coversText: Bool { others != .signs && numbers > 0 }

  /// End of the match that begins at `start`; nil where none does.
  func matchEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
    if contractions == .apart, let contraction = Splitter.contractionEnd(text, start, end, anyCase: true) {
      return contraction
    }
    if letters == .byCaseAfterHan {
      let hanEnd = CharacterRanges.han.runEnd(text, start, end)
      if hanEnd > start { return hanEnd }
    }
    let (kind, length) = CharacterClass.at(start, text)
    let second = start + length
    if others == .signs, text[start] < 0x80, isSign(kind), second < end, Self.isASCIILetter(text[second]) {
      var index = second
      while index < end, Self.isASCIILetter(text[index]) { index += 1 }
      return index
    }
    if let word = wordEnd(text, start, end, kind, second) {
      guard contractions == .attached else { return word }
      return Splitter.contractionEnd(text, word, end, anyCase: true) ?? word
    }
    if kind == .number, numbers > 0 {
      return Splitter.runEnd(text, start, end, atMost: numbers) { $0 == .number }
    }
    return otherEnd(text, start, end, kind, second) ?? spaceEnd(text, start, end, kind)
  }

  // MARK: - Alternatives

  private func wordEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, _ kind: CharacterClass, _ second: Int) -> Int? {
    let mayBegin =
      others == .signs ? kind != .letter && !isSign(kind) && kind != .newline : kind == .space || kind.isOther
    switch letters {
    case .byCase, .byCaseAfterHan:
      return LetterCase.wordEnd(text, start, end, mayBegin: mayBegin, withoutHan: letters == .byCaseAfterHan)
    case .plain:
      if kind == .letter { return Splitter.runEnd(text, second, end) { $0 == .letter } }
      let word = mayBegin ? Splitter.runEnd(text, second, end) { $0 == .letter } : second
      return word > second ? word : nil
    case .withMarks:
      if kind == .letter || kind == .mark {
        return Splitter.runEnd(text, second, end) { $0 == .letter || $0 == .mark }
      }
      let word = mayBegin ? Splitter.runEnd(text, second, end) { $0 == .letter || $0 == .mark } : second
      return word > second ? word : nil
    case .phrases:
      if kind == .letter { return Self.phraseEnd(text, second, end) }
      guard mayBegin, second < end else { return nil }
      let (next, length) = CharacterClass.at(second, text)
      return next == .letter ? Self.phraseEnd(text, second + length, end) : nil
    }
  }

  /// End of a phrase after a letter.
  private static func phraseEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
    var index = start
    while true {
      index = Splitter.runEnd(text, index, end) { $0 == .letter || $0 == .mark }
      guard index + 1 < end, text[index] == UInt8(ascii: " "), CharacterClass.at(index + 1, text).kind == .letter else {
        return index
      }
      index += 1
    }
  }

  /// ` ?X+` and what may follow.
  private func otherEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, _ kind: CharacterClass, _ second: Int) -> Int? {
    var first = start
    if text[start] == UInt8(ascii: " ") {
      guard second < end, isSign(CharacterClass.at(second, text).kind) else { return nil }
      first = second
    } else if !isSign(kind) {
      return nil
    }
    var index = Splitter.runEnd(text, first, end) { isSign($0) }
    switch tail {
    case .nothing: break
    case .newlines: while index < end, Self.isNewline(text[index]) { index += 1 }
    case .newlinesAndSlashes:
      while index < end, Self.isNewline(text[index]) || text[index] == UInt8(ascii: "/") { index += 1 }
    case .oneNewlineOrSlash:
      if index < end, Self.isNewline(text[index]) || text[index] == UInt8(ascii: "/") { index += 1 }
    }
    return index
  }

  private func isSign(_ kind: CharacterClass) -> Bool {
    switch others {
    case .notWords: kind.isOther
    case .notWordsOrMarks: kind.isOther && kind != .mark
    case .signs: kind == .punctuation || kind == .symbol
    }
  }

  private func spaceEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, _ kind: CharacterClass) -> Int? {
    guard kind.isWhitespace else { return nil }
    switch spaces {
    case .lines: return Splitter.lineEnd(text, start, end) ?? Splitter.whitespaceEnd(text, start, end)
    case .singleNewlines: return kind == .newline ? start + 1 : Splitter.whitespaceEnd(text, start, end)
    }
  }

  private static func isNewline(_ byte: UInt8) -> Bool { byte == 0x0A || byte == 0x0D }

  private static func isASCIILetter(_ byte: UInt8) -> Bool {
    let lower = byte | 0x20
    return lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z")
  }
}
