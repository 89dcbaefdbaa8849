/// Byte-pair encoding over characters with `▁` for the space, as SentencePiece does it. Characters without a token
/// are spelled in byte tokens.
struct SentencePieceModel: TextModel {
  /// Where a `▁` goes before text. A normalizer may have put one there already.
  let prefix: SpacePrefix
  /// Whether no merge may join a `▁` to what is before it.
  let splitsAtSpaces: Bool
  let merges: MergeTable
  /// Symbols of single characters. From `vocabularySize` on they are characters without a token, which take part in
  /// merges all the same.
  let characters: [UInt32: Int32]
  let vocabularySize: Int
  /// The token of each byte; negative where the vocabulary has none.
  let byteIDs: [Int32]
  let unknownID: Int32?
  /// Whether unknown characters in a row make one token.
  let fusesUnknown: Bool
  /// Whether `▁` inside tokens comes only at the front. Then text can be merged word by word, which is faster
  /// and changes nothing.
  private let wordsAreIndependent: Bool

  func encode(
    _ text: [UInt8], _ range: Range<Int>, isFirst: Bool, _ workspace: inout Workspace, into ids: inout [Int32]
  ) {
    guard !range.isEmpty else { return }
    let escaped = escaped(text, range, isFirst: isFirst)
    let span = escaped.span
    let segmentStart = ids.count
    var start = 0
    while start < escaped.count {
      let end = wordsAreIndependent || splitsAtSpaces ? wordEnd(span, start) : escaped.count
      append(word: span, start..<end, segmentStart, &workspace, into: &ids)
      start = end
    }
  }

  /// The text with `▁` for every space, and one in front where it belongs.
  private func escaped(_ text: [UInt8], _ range: Range<Int>, isFirst: Bool) -> [UInt8] {
    let begins = text[range.lowerBound] == UInt8(ascii: " ") || text[range].starts(with: TextNormalizer.space)
    let isPlace =
      switch prefix.places {
      case .nowhere: false
      case .beginning: isFirst
      case .everySegment: true
      }
    let escaping = TextNormalizer(prependsSpace: isPlace && !begins, escapesSpaces: true)
    guard escaping.prependsSpace || text[range].contains(UInt8(ascii: " ")) else {
      return range.count == text.count ? text : Array(text[range])
    }
    return escaping.normalized(text, range) ?? Array(text[range])
  }

  /// End of the `▁`s from `start` and of the other characters after them.
  private func wordEnd(_ text: Span<UInt8>, _ start: Int) -> Int {
    var index = start
    if splitsAtSpaces {
      if Self.isSpace(text, index) { index += 3 }
    } else {
      while Self.isSpace(text, index) { index += 3 }
    }
    while index < text.count, !Self.isSpace(text, index) { index += 1 }
    return index
  }

  private static func isSpace(_ text: Span<UInt8>, _ index: Int) -> Bool {
    index + 2 < text.count && text[index] == 0xE2 && text[index + 1] == 0x96 && text[index + 2] == 0x81
  }

  private func append(
    word text: Span<UInt8>, _ range: Range<Int>, _ segmentStart: Int, _ workspace: inout Workspace,
    into ids: inout [Int32]
  ) {
    let key = WordCache.Key(text, range)
    if let key, let known = workspace.cache.ids(of: key) {
      return ids.append(contentsOf: known)
    }
    workspace.merger.removeAll()
    var starts: [Int32] = []
    var index = range.lowerBound
    while index < range.upperBound {
      let (value, length) = UTF8Scalars.scalar(text, at: index)
      workspace.merger.append(characters[value] ?? -1)
      starts.append(Int32(index - range.lowerBound))
      index += length
    }
    let first = ids.count
    var unknown = false
    workspace.merger.merge(by: merges) { symbol, place in
      if symbol >= 0, symbol < vocabularySize { return ids.append(symbol) }
      let start = range.lowerBound + Int(starts[place])
      let bytes = start..<start + UTF8Scalars.scalar(text, at: start).length
      if bytes.allSatisfy({ byteIDs[Int(text[$0])] >= 0 }) {
        for byte in bytes { ids.append(byteIDs[Int(text[byte])]) }
      } else if let unknownID {
        unknown = true
        if fusesUnknown, ids.count > segmentStart, ids.last == unknownID { return }
        ids.append(unknownID)
      }
    }
    // Whether an unknown token joins the one before depends on more than the word.
    if let key, !unknown { workspace.cache.remember(key, ids[first...]) }
  }

  func decode(_ token: String, _ type: TokenType, into bytes: inout [UInt8]) {
    if type == .byte, let byte = ByteToken.byte(of: token) { return bytes.append(byte) }
    for scalar in token.unicodeScalars {
      if scalar == "\u{2581}" {
        bytes.append(UInt8(ascii: " "))
      } else {
        bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
      }
    }
  }

  // MARK: - Making one

  /// With merges in order of their rank, as `tokenizer.json` states them.
  init(
    merges: [ResolvedMerge], vocabulary: VocabularyIndex, prefix: SpacePrefix, splitsAtSpaces: Bool,
    bytesFallBack: Bool, unknownID: Int32?, fusesUnknown: Bool
  ) {
    var characters: [UInt32: Int32] = [:]
    for (index, token) in vocabulary.tokens.enumerated() where vocabulary.types[index] != .unused {
      if let scalar = token.unicodeScalars.first, token.unicodeScalars.dropFirst().isEmpty,
        characters[scalar.value] == nil
      {
        characters[scalar.value] = Int32(index)
      }
    }
    self.init(
      table: MergeTable(ranked: merges), characters: characters, others: [], vocabulary: vocabulary, prefix: prefix,
      splitsAtSpaces: splitsAtSpaces, bytesFallBack: bytesFallBack, unknownID: unknownID,
      fusesUnknown: fusesUnknown)
  }

  /// With scores, as SentencePiece's own files and GGUF have them: any two neighbours whose joined text is a token
  /// may merge, the highest score first.
  init(
    scores: [Float], vocabulary: VocabularyIndex, prefix: SpacePrefix, unknownID: Int32?
  ) {
    let derived = ScoredMerges(scores: scores, vocabulary: vocabulary)
    self.init(
      table: derived.table, characters: derived.characters, others: derived.others, vocabulary: vocabulary,
      prefix: prefix, splitsAtSpaces: false, bytesFallBack: true, unknownID: unknownID, fusesUnknown: true)
  }

  private init(
    table: MergeTable, characters: [UInt32: Int32], others: [Unicode.Scalar], vocabulary: VocabularyIndex,
    prefix: SpacePrefix, splitsAtSpaces: Bool, bytesFallBack: Bool, unknownID: Int32?, fusesUnknown: Bool
  ) {
    self.prefix = prefix
    self.splitsAtSpaces = splitsAtSpaces
    self.characters = characters
    self.unknownID = unknownID
    self.fusesUnknown = fusesUnknown
    merges = table
    vocabularySize = vocabulary.tokens.count
    var byteIDs = [Int32](repeating: -1, count: 256)
    if bytesFallBack {
      for (index, token) in vocabulary.tokens.enumerated() where vocabulary.types[index] == .byte {
        if let byte = ByteToken.byte(of: token), byteIDs[Int(byte)] < 0 { byteIDs[Int(byte)] = Int32(index) }
      }
    }
    self.byteIDs = byteIDs
    wordsAreIndependent = table.pairs.allSatisfy { left, right in
      // A character of its own that has no token is never `▁` at the front and something else before it, unless
      // it is `▁` itself.
      let begins =
        Int(right) < vocabulary.tokens.count
        ? vocabulary.tokens[Int(right)].utf8.starts(with: TextNormalizer.space)
        : others[Int(right) - vocabulary.tokens.count] == "\u{2581}"
      guard begins else { return true }
      return Int(left) < vocabulary.tokens.count
        ? vocabulary.tokens[Int(left)].utf8.suffix(3).elementsEqual(TextNormalizer.space)
        : others[Int(left) - vocabulary.tokens.count] == "\u{2581}"
    }
  }
}
