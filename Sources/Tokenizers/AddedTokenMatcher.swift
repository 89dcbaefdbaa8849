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
  /// Node and byte to node.
  private var edges: [UInt64: Int32] = [:]
  /// Index in `tokens` of the token that ends at a node; negative where none does.
  private var ends: [Int32] = [-1]
  /// Nodes after the first byte; 0 where no token begins with it.
  private var roots = [Int32](repeating: 0, count: 256)

  /// Where two tokens have one text, the first is found. Empty ones and those past `longest` are never found.
  init(_ tokens: [AddedToken]) {
    self.tokens = tokens
    for (index, token) in tokens.enumerated() {
      let bytes = Array(token.content.utf8)
      guard !bytes.isEmpty, bytes.count <= Self.longest else { continue }
      var node: Int32 = 0
      for byte in bytes {
        let key = Self.key(node, byte)
        if let next = edges[key] {
          node = next
        } else {
          let next = Int32(ends.count)
          ends.append(-1)
          edges[key] = next
          if node == 0 { roots[Int(byte)] = next }
          node = next
        }
      }
      if ends[Int(node)] < 0 { ends[Int(node)] = Int32(index) }
    }
  }

  private static func key(_ node: Int32, _ byte: UInt8) -> UInt64 {
    UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)
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
    var node = roots[Int(text[start])]
    guard node != 0 else { return nil }
    var best: (index: Int, end: Int)?
    var index = start + 1
    while true {
      let end = Int(ends[Int(node)])
      if end >= 0, includingSpecial || !tokens[end].isSpecial { best = (end, index) }
      guard index < text.count, let next = edges[Self.key(node, text[index])] else { return best }
      node = next
      index += 1
    }
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
