// Groups of digits.

extension Splitter {
  /// Runs of numbers three by three from the left.
  static let numberTriples = Splitter(
    name: "triples of numbers", expressions: [#"\p{N}{1,3}"#],
    pieceEnd: { text, start, end in
      CharacterClass.at(start, text).kind == .number
        ? runEnd(text, start, end, atMost: 3) { $0 == .number } : runEnd(text, start, end) { $0 != .number }
    })

  /// Decimal digits three by three from the right, where no other part of a word follows them.
  static let digitTriplesFromTheRight = Splitter(
    name: "triples of digits from the right", expressions: [#"\d{1,3}(?=(?:\d{3})*\b)"#],
    pieces: { text, range, body in
      var start = range.lowerBound
      var index = start
      while let run = nextRun(text, index, range.upperBound, isDigit) {
        index = run.range.upperBound
        guard index == range.upperBound || !isPartOfWord(text, index) else { continue }
        if start < run.range.lowerBound { body(start..<run.range.lowerBound) }
        start = groups(text, run, from: run.range.lowerBound, body)
      }
      if start < range.upperBound { body(start..<range.upperBound) }
    })

  /// A cut before every third decimal digit from the right; what stands before the first of them stays with them.
  static let digitGroupsFromTheRight = Splitter(
    name: "cuts between triples of digits", expressions: [#"(?=(\d{3})+(?!\d))"#],
    pieces: { text, range, body in
      var start = range.lowerBound
      var index = start
      while let run = nextRun(text, index, range.upperBound, isDigit) {
        index = run.range.upperBound
        if run.count % 3 == 0, start < run.range.lowerBound {
          body(start..<run.range.lowerBound)
          start = run.range.lowerBound
        }
        // The last triple goes on into what follows.
        if run.count >= 3 { start = groups(text, run, from: start, keepingLast: true, body) }
      }
      if start < range.upperBound { body(start..<range.upperBound) }
    })

  /// All numbers three by three from the right. No `tokenizer.json` with this cut is known; the expression is near it.
  static let numbersFromTheRight = Splitter(
    name: "triples of numbers from the right", expressions: [#"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"#],
    pieces: { text, range, body in
      var start = range.lowerBound
      while let run = nextRun(text, start, range.upperBound, isNumber) {
        if start < run.range.lowerBound { body(start..<run.range.lowerBound) }
        start = groups(text, run, from: run.range.lowerBound, body)
      }
      if start < range.upperBound { body(start..<range.upperBound) }
    })

  // MARK: - Runs

  private struct Run {
    var range: Range<Int>
    /// Characters in it.
    var count: Int
  }

  private static func nextRun(
    _ text: Span<UInt8>, _ start: Int, _ end: Int, _ isWanted: (UInt32) -> Bool
  ) -> Run? {
    var index = start
    var run: Run?
    while index < end {
      let (value, length) = UTF8Scalars.scalar(text, at: index)
      if isWanted(value) {
        run = Run(range: (run?.range.lowerBound ?? index)..<min(index + length, end), count: (run?.count ?? 0) + 1)
      } else if run != nil {
        return run
      }
      index += length
    }
    return run
  }

  /// Hands out the groups of a run, the first of which begins at `start`, where the shorter one comes first.
  /// - Returns: where what was not handed out begins.
  private static func groups(
    _ text: Span<UInt8>, _ run: Run, from start: Int, keepingLast: Bool = false, _ body: (Range<Int>) -> Void
  ) -> Int {
    var start = start
    var index = run.range.lowerBound
    var rest = run.count
    while rest > (keepingLast ? 3 : 0) {
      let size = rest % 3 == 0 ? 3 : rest % 3
      for _ in 0..<size { index = min(index + UTF8Scalars.scalar(text, at: index).length, run.range.upperBound) }
      body(start..<index)
      start = index
      rest -= size
    }
    return start
  }

  /// `\d`
  private static func isDigit(_ value: UInt32) -> Bool {
    if value < 0x80 { return value >= 0x30 && value <= 0x39 }
    return Unicode.Scalar(value)?.properties.generalCategory == .decimalNumber
  }

  /// `\p{N}`
  private static func isNumber(_ value: UInt32) -> Bool {
    if value < 0x80 { return value >= 0x30 && value <= 0x39 }
    return switch Unicode.Scalar(value)?.properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }

  /// `\w` of Oniguruma, whose numbers are all of Unicode's.
  private static func isPartOfWord(_ text: Span<UInt8>, _ index: Int) -> Bool {
    guard let scalar = Unicode.Scalar(UTF8Scalars.scalar(text, at: index).value) else { return false }
    if scalar.properties.isAlphabetic || isNumber(scalar.value) { return true }
    return switch scalar.properties.generalCategory {
    case .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark: true
    default: false
    }
  }
}
