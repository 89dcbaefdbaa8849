/// Finds added tokens in text: the leftmost first, and the longest of those that begin at one place.
struct AddedTokenMatcher: Sendable {
  /// A token may not be longer, so that text made to match almost everywhere costs a bounded amount a byte.
  static let longest = 1024

  /// What a text is made of.
  enum Part {
    case text(Range<Int>)
    case token(Int32)
  }

  private let tokens: [AddedToken]
  /// The tokens' texts, one after another.
  private var texts: [UInt8] = []
  /// Where each token's text lies in `texts`.
  private var places: [Range<Int>] = []
  /// Indices in `tokens` of those that can be found, in the order of their bytes: those with a common beginning lie
  /// together, and the shortest comes first. It takes a number a token, where a tree has a node for every byte.
  private var order: [Int32] = []
  /// Which of `order` begin with a byte.
  private var roots = [Range<Int>](repeating: 0..<0, count: 256)

  /// Where two tokens have one text, the first is found. Empty ones and those past `longest` are never found.
  init(_ tokens: [AddedToken]) {
    self.tokens = tokens
    places.reserveCapacity(tokens.count)
    for token in tokens {
      let start = texts.count
      if token.content.utf8.count <= Self.longest { texts += token.content.utf8 }
      places.append(start..<texts.count)
    }
    let present = tokens.indices.lazy.map { Int32($0) }.filter { [places] in !places[Int($0)].isEmpty }
    let sorted = present.sorted { [self] in text($0).lexicographicallyPrecedes(text($1)) }
    order.reserveCapacity(sorted.count)
    for index in sorted {
      // The sort is stable, so that of equal ones the first stands first.
      if let last = order.last, text(last) == text(index) { continue }
      order.append(index)
    }
    for position in order.indices {
      let byte = Int(self.byte(position, 0))
      roots[byte] = (roots[byte].isEmpty ? position : roots[byte].lowerBound)..<position + 1
    }
  }

  private func text(_ index: Int32) -> ArraySlice<UInt8> { texts[places[Int(index)]] }

  /// Byte `offset` of the text that stands at a position in the order.
  private func byte(_ position: Int, _ offset: Int) -> UInt8 {
    texts[places[Int(order[position])].lowerBound + offset]
  }

  /// Hands the parts of `text` to `body`, in order. Empty stretches of text are left out.
  func parts(of text: [UInt8], includingSpecial: Bool, _ body: (Part) -> Void) {
    guard !tokens.isEmpty else {
      if !text.isEmpty { body(.text(0..<text.count)) }
      return
    }
    let span = text.span
    var textStart = 0
    var index = 0
    while index < text.count {
      guard let (found, matchEnd) = longestMatch(span, index, includingSpecial: includingSpecial) else {
        index += 1
        continue
      }
      let token = tokens[found]
      // As in Hugging Face's tokenizers, a shorter token at this place does not get its turn.
      guard !token.isSingleWord || stands(alone: index..<matchEnd, span) else {
        index = matchEnd
        continue
      }
      var start = index
      var end = matchEnd
      if token.stripsLeft {
        while start > textStart {
          let before = UTF8Scalars.start(before: start, span)
          guard CharacterClass.at(before, span).kind.isWhitespace else { break }
          start = before
        }
      }
      if token.stripsRight {
        while end < text.count {
          let (kind, length) = CharacterClass.at(end, span)
          guard kind.isWhitespace else { break }
          end += length
        }
      }
      if textStart < start { body(.text(textStart..<start)) }
      body(.token(token.id))
      textStart = end
      index = end
    }
    if textStart < text.count { body(.text(textStart..<text.count)) }
  }

  private func longestMatch(_ text: Span<UInt8>, _ start: Int, includingSpecial: Bool) -> (index: Int, end: Int)? {
    // Those that agree with the text in its first `length` bytes.
    var candidates = roots[Int(text[start])]
    var length = 1
    var best: (index: Int, end: Int)?
    while !candidates.isEmpty {
      let first = Int(order[candidates.lowerBound])
      if places[first].count == length {
        if includingSpecial || !tokens[first].isSpecial { best = (first, start + length) }
        candidates = candidates.dropFirst()
      }
      guard start + length < text.count else { break }
      candidates = narrowed(candidates, to: text[start + length], at: length)
      length += 1
    }
    return best
  }

  /// Those of `candidates` with a byte at `offset`, where all have one, and agree before it.
  private func narrowed(_ candidates: Range<Int>, to byte: UInt8, at offset: Int) -> Range<Int> {
    guard let last = candidates.last, self.byte(candidates.lowerBound, offset) <= byte, byte <= self.byte(last, offset)
    else { return 0..<0 }
    let start = firstPosition(in: candidates) { self.byte($0, offset) >= byte }
    return start..<firstPosition(in: start..<candidates.upperBound) { self.byte($0, offset) > byte }
  }

  /// The first position of which something is true that is true from there on; the end where it is true of none.
  private func firstPosition(in positions: Range<Int>, where isTrue: (Int) -> Bool) -> Int {
    var (low, high) = (positions.lowerBound, positions.upperBound)
    while low < high {
      let middle = low + (high - low) / 2
      if isTrue(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  private func stands(alone range: Range<Int>, _ text: Span<UInt8>) -> Bool {
    if range.lowerBound > 0, isPartOfWord(UTF8Scalars.start(before: range.lowerBound, text), text) { return false }
    return range.upperBound == text.count || !isPartOfWord(range.upperBound, text)
  }

  /// `\w` of Rust's regular expressions.
  private func isPartOfWord(_ index: Int, _ text: Span<UInt8>) -> Bool {
    guard let scalar = Unicode.Scalar(UTF8Scalars.scalar(text, at: index).value) else { return false }
    if scalar.properties.isAlphabetic || scalar.properties.isJoinControl { return true }
    return switch scalar.properties.generalCategory {
    case .decimalNumber, .connectorPunctuation, .nonspacingMark, .spacingMark, .enclosingMark: true
    default: false
    }
  }
}
