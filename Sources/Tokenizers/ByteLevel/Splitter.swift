/// One step that cuts text into pieces: it tells where the piece that begins at a place ends. Each is the
/// hand-written twin of a regular expression, linear in the length of the text.
struct Splitter: Sendable {
  let name: String
  /// The regular expressions in `tokenizer.json` that mean this, with escapes for newlines; the first is the one written.
  let expressions: [String]
  /// What `tokenizer.json` says becomes of the matches.
  let behavior: String
  /// Whether every character is in a match.
  var coversText = false
  /// Hands the pieces of a range to the closure, in order. Nothing outside the range is looked at.
  let pieces: @Sendable (_ text: Span<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void) -> Void

  init(
    name: String, expressions: [String], behavior: String = "Isolated",
    pieces: @escaping @Sendable (_ text: Span<UInt8>, _ range: Range<Int>, _ body: (Range<Int>) -> Void) -> Void
  ) {
    self.name = name
    self.expressions = expressions
    self.behavior = behavior
    self.pieces = pieces
  }

  /// - Parameter pieceEnd: end of the piece that begins at `start`, after it and at most `end`.
  init(
    name: String, expressions: [String], behavior: String = "Isolated", coversText: Bool = false,
    pieceEnd: @escaping @Sendable (_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int
  ) {
    self.init(name: name, expressions: expressions, behavior: behavior) { text, range, body in
      var start = range.lowerBound
      while start < range.upperBound {
        // Bytes that are not UTF-8 may make a character reach beyond the range.
        let end = min(pieceEnd(text, start, range.upperBound), range.upperBound)
        body(start..<end)
        start = end
      }
    }
    self.coversText = coversText
  }

  /// Matches by themselves, and what is between them.
  /// - Parameter matchEnd: end of the match that begins at `start`, after it; nil where none does. It takes no time that
  ///   grows with the text where there is none.
  init(
    name: String, expressions: [String],
    matchEnd: @escaping @Sendable (_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int?
  ) {
    self.init(name: name, expressions: expressions) { text, range, body in
      var start = range.lowerBound
      var index = start
      while index < range.upperBound {
        guard let end = matchEnd(text, index, range.upperBound) else {
          index += UTF8Scalars.scalar(text, at: index).length
          continue
        }
        if start < index { body(start..<index) }
        start = min(end, range.upperBound)
        body(index..<start)
        index = start
      }
      if start < range.upperBound { body(start..<range.upperBound) }
    }
  }

  init(name: String, expressions: [String], words: WordPattern) {
    self.init(name: name, expressions: expressions, matchEnd: { text, start, end in words.matchEnd(text, start, end) })
    coversText = words.coversText
  }

  /// Whether an expression of a `tokenizer.json` means this. Some files have newlines in theirs, others escapes for them.
  func isMeant(by expression: String) -> Bool {
    expressions.contains(
      expression.replacing("\r\n", with: #"\r\n"#).replacing("\r", with: #"\r"#).replacing("\n", with: #"\n"#)
        // What `(?i:` says, letter by letter, for libraries that do not know it.
        .replacing(
          "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])", with: "(?i:'s|'t|'re|'ve|'m|'ll|'d)"))
  }
}

extension Splitter {
  /// Every splitter that a pre-tokenizer is made of.
  static let all = {
    var names: Set<String> = []
    return PreTokenizer.all.flatMap { ([$0.steps] + $0.otherSteps).joined() }.filter { names.insert($0.name).inserted }
  }()

  /// The pattern of GPT-2, which a `ByteLevel` pre-tokenizer has built in.
  static let gpt2 = Splitter(
    name: "GPT-2",
    expressions: [#"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#], coversText: true,
    pieceEnd: { text, start, end in
      if let contraction = contractionEnd(text, start, end, anyCase: false) { return contraction }
      var first = start
      if text[start] == UInt8(ascii: " "), start + 1 < end { first = start + 1 }
      let kind = CharacterClass.at(first, text).kind
      if kind.isOther { return runEnd(text, first, end) { $0.isOther } }
      if !kind.isWhitespace { return runEnd(text, first, end) { $0 == kind } }
      return whitespaceEnd(text, start, end)
    })

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
    pieceEnd: { text, start, end in punctuationEnd(text, start, end, includingGrave: false) })

  /// The same with the grave accent: all of ASCII that is not a letter, number or space.
  static let falconPunctuation = Splitter(
    name: "runs of punctuation with `", expressions: [#"[\p{P}\$\+<=>\^~\|`]+"#],
    pieceEnd: { text, start, end in punctuationEnd(text, start, end, includingGrave: true) })
}

// MARK: - Alternatives of the expressions

extension Splitter {
  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)` or the same with case; `'(?i:[sdmt]|ll|ve|re)` is the first.
  static func contractionEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, anyCase: Bool) -> Int? {
    guard start + 1 < end, text[start] == UInt8(ascii: "'") else { return nil }
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

  /// `\s*[\r\n]+`: white space up to the last newline in it.
  static func lineEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
    var index = start
    var afterNewline: Int?
    while index < end {
      let (kind, length) = CharacterClass.at(index, text)
      guard kind.isWhitespace else { break }
      index += length
      if kind == .newline { afterNewline = index }
    }
    return afterNewline
  }

  /// `\s+(?!\S)|\s+`: all the whitespace, but for its last character where something else follows.
  static func whitespaceEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int) -> Int {
    let runEnd = runEnd(text, start, end) { $0.isWhitespace }
    guard runEnd < end else { return runEnd }
    let last = UTF8Scalars.start(before: runEnd, text)
    return last > start ? last : runEnd
  }

  /// End of the characters from `start` whose class is wanted; `start` where the first is not.
  static func runEnd(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, atMost count: Int = .max, _ isWanted: (CharacterClass) -> Bool
  ) -> Int {
    var index = start
    var found = 0
    while index < end, found < count {
      let (kind, length) = CharacterClass.at(index, text)
      guard isWanted(kind) else { break }
      index += length
      found += 1
    }
    return index
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  /// `[\p{P}\$\+<=>\^~\|`]+`, the grave accent perhaps aside, or what is between: of ASCII, these are all symbols.
  private static func punctuationEnd(_ text: Span<UInt8>, _ start: Int, _ end: Int, includingGrave: Bool) -> Int {
    func isWanted(_ index: Int) -> (isWanted: Bool, length: Int) {
      let (kind, length) = CharacterClass.at(index, text)
      let isSymbol = kind == .symbol && length == 1 && (includingGrave || text[index] != UInt8(ascii: "`"))
      return (kind == .punctuation || isSymbol, length)
    }
    let first = isWanted(start)
    var index = start + first.length
    while index < end {
      let next = isWanted(index)
      guard next.isWanted == first.isWanted else { break }
      index += next.length
    }
    return index
  }
}
