/// One step that cuts text into pieces: it tells where the piece that begins at a place ends. Each is the
/// hand-written twin of a regular expression, linear in the length of the text.
struct Splitter: Sendable {
  let name: String
  /// The regular expressions in `tokenizer.json` that mean this.
  let expressions: [String]
  /// End of the piece that begins at `start`, after it and at most `end`. Nothing outside the range is looked at.
  let pieceEnd: @Sendable (_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int
}

extension Splitter {
  /// Every splitter there is.
  static let all = [
    gpt2, llama3, qwen2, tekken, singleNumbers, numberRuns, digitTriples, punctuationRuns, falconPunctuation,
  ]

  /// The pattern of GPT-2, which a `ByteLevel` pre-tokenizer has built in.
  static let gpt2 = Splitter(
    name: "GPT-2",
    expressions: [#"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#],
    pieceEnd: { text, start, end in
      if let contraction = contractionEnd(text, start, end, anyCase: false) { return contraction }
      var first = start
      if text[start] == UInt8(ascii: " "), start + 1 < end { first = start + 1 }
      let kind = CharacterClass.at(first, text).kind
      if !kind.isWhitespace { return runEnd(text, first, end) { $0 == kind } }
      return whitespaceEnd(text, start, end)
    })

  static let llama3 = Splitter(
    name: "Llama 3",
    expressions: [
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"#
        + #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
    ],
    pieceEnd: { text, start, end in modernEnd(text, start, end, numbers: 3) })

  static let qwen2 = Splitter(
    name: "Qwen 2",
    expressions: [
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"#
        + #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
    ],
    pieceEnd: { text, start, end in modernEnd(text, start, end, numbers: 1) })

  /// Every number by itself, as `Digits` with `individual_digits`.
  static let singleNumbers = Splitter(
    name: "single numbers", expressions: [#"\p{N}"#],
    pieceEnd: { text, start, end in
      let (kind, length) = CharacterClass.at(start, text)
      return kind == .number ? start + length : runEnd(text, start, end) { $0 != .number }
    })

  /// Runs of numbers apart from the rest, as `Digits` without `individual_digits`.
  static let numberRuns = Splitter(
    name: "runs of numbers", expressions: [#"\p{N}+"#],
    pieceEnd: { text, start, end in
      let isNumber = CharacterClass.at(start, text).kind == .number
      return runEnd(text, start, end) { ($0 == .number) == isNumber }
    })

  /// ASCII digits three by three from the left.
  static let digitTriples = Splitter(
    name: "triples of digits", expressions: ["[0-9][0-9][0-9]"],
    pieceEnd: { text, start, end in
      func isTriple(_ index: Int) -> Bool {
        index + 3 <= end && isDigit(text[index]) && isDigit(text[index + 1]) && isDigit(text[index + 2])
      }
      if isTriple(start) { return start + 3 }
      var index = start + 1
      while index < end, !isTriple(index) { index += 1 }
      return index
    })

  /// Runs of punctuation and some ASCII symbols apart from the rest.
  static let punctuationRuns = Splitter(
    name: "runs of punctuation", expressions: [#"[\p{P}\$\+<=>\^~\|]+"#],
    pieceEnd: { text, start, end in punctuationEnd(text, start, end, symbols: ["$", "+", "<", "=", ">", "^", "~", "|"])
    })

  /// The same with the grave accent: all of ASCII that is not a letter, number or space.
  static let falconPunctuation = Splitter(
    name: "runs of punctuation with `", expressions: [#"[\p{P}\$\+<=>\^~\|`]+"#],
    pieceEnd: { text, start, end in
      punctuationEnd(text, start, end, symbols: ["$", "+", "<", "=", ">", "^", "~", "|", "`"])
    })
}

// MARK: - Alternatives of the expressions

extension Splitter {
  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)` or the same with case.
  private static func contractionEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, anyCase: Bool) -> Int? {
    guard text[start] == UInt8(ascii: "'"), start + 1 < end else { return nil }
    func letter(_ index: Int) -> UInt8 {
      guard index < end else { return 0 }
      let byte = text[index]
      return anyCase && byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
    switch letter(start + 1) {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return start + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return letter(start + 2) == UInt8(ascii: "e") ? start + 3 : nil
    case UInt8(ascii: "l"):
      return letter(start + 2) == UInt8(ascii: "l") ? start + 3 : nil
    case 0xC5 where anyCase && letter(start + 2) == 0xBF:
      // U+017F, the long s, is an s when case does not matter.
      return start + 3
    default: return nil
    }
  }

  /// The pattern that Llama 3 and Qwen 2 share, up to the length of a run of numbers.
  private static func modernEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, numbers: Int) -> Int {
    if let contraction = contractionEnd(text, start, end, anyCase: true) { return contraction }
    let (kind, length) = CharacterClass.at(start, text)
    let second = start + length
    // [^\r\n\p{L}\p{N}]?\p{L}+
    if kind == .letter { return runEnd(text, start, end) { $0 == .letter } }
    if kind == .space || kind == .other, second < end, CharacterClass.at(second, text).kind == .letter {
      return runEnd(text, second, end) { $0 == .letter }
    }
    // \p{N}{1,n}
    if kind == .number {
      var index = second
      var count = 1
      while count < numbers, index < end {
        let (kind, length) = CharacterClass.at(index, text)
        guard kind == .number else { break }
        index += length
        count += 1
      }
      return index
    }
    return otherEnd(text, start, end, more: [])
  }

  /// ` ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`: what is left when neither letters nor numbers match.
  /// - Parameter more: ASCII characters that may stand among the newlines of the first alternative.
  static func otherEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, more: [UInt8]) -> Int {
    //  ?[^\s\p{L}\p{N}]+[\r\n]*
    let (kind, length) = CharacterClass.at(start, text)
    let second = start + length
    let followsSpace =
      text[start] == UInt8(ascii: " ") && second < end && CharacterClass.at(second, text).kind == .other
    if kind == .other || followsSpace {
      var index = runEnd(text, followsSpace ? second : start, end) { $0 == .other }
      while index < end, CharacterClass.at(index, text).kind == .newline || more.contains(text[index]) { index += 1 }
      return index
    }
    // \s*[\r\n]+
    var index = start
    var afterNewline: Int?
    while index < end {
      let (kind, length) = CharacterClass.at(index, text)
      guard kind.isWhitespace else { break }
      index += length
      if kind == .newline { afterNewline = index }
    }
    return afterNewline ?? whitespaceEnd(text, start, end)
  }

  /// `\s+(?!\S)|\s+`: all the whitespace, but for its last character where something else follows.
  private static func whitespaceEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
    let runEnd = runEnd(text, start, end) { $0.isWhitespace }
    guard runEnd < end else { return runEnd }
    let last = UTF8Scalars.start(before: runEnd, text)
    return last > start ? last : runEnd
  }

  /// End of the characters from `start` whose class is wanted; `start` where the first is not.
  private static func runEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, _ isWanted: (CharacterClass) -> Bool)
    -> Int
  {
    var index = start
    while index < end {
      let (kind, length) = CharacterClass.at(index, text)
      guard isWanted(kind) else { break }
      index += length
    }
    return index
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  private static func punctuationEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, symbols: [Unicode.Scalar]) -> Int {
    func isPunctuation(_ value: UInt32) -> Bool {
      guard let scalar = Unicode.Scalar(value) else { return false }
      if scalar.isASCII, symbols.contains(scalar) { return true }
      switch scalar.properties.generalCategory {
      case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
        .finalPunctuation, .otherPunctuation:
        return true
      default: return false
      }
    }
    let first = UTF8Scalars.scalar(text, at: start)
    let wanted = isPunctuation(first.value)
    var index = start + first.length
    while index < end {
      let (value, length) = UTF8Scalars.scalar(text, at: index)
      guard isPunctuation(value) == wanted else { break }
      index += length
    }
    return index
  }
}
