/// Byte-pair encoding over bytes, as GPT-2 introduced it: text is cut into words, a word's bytes are the first
/// symbols, and merges join them.
struct ByteLevelModel: TextModel {
  let steps: [Splitter]
  let merges: MergeTable
  /// The token of each byte; negative where the vocabulary has none.
  let byteIDs: [Int32]
  /// Tokens by their bytes, for vocabularies that take a word which is a token as it is.
  let wholeWords: [[UInt8]: Int32]?
  /// Whether text that does not begin with a space gets one.
  let addsPrefixSpace: Bool
  let unknownID: Int32?

  func encode(
    _ text: [UInt8], _ range: Range<Int>, isFirst: Bool, _ workspace: inout Workspace, into ids: inout [Int32]
  ) {
    guard !range.isEmpty else { return }
    var text = text
    var range = range
    if addsPrefixSpace, text[range.lowerBound] != UInt8(ascii: " ") {
      text = [UInt8(ascii: " ")] + text[range]
      range = 0..<text.count
    }
    let span = text.span
    PreTokenizer.split(span, range, by: steps[...]) { word in
      guard let key = WordCache.Key(span, word) else {
        return append(word: span, word, &workspace, into: &ids)
      }
      if let known = workspace.cache.ids(of: key) {
        ids.append(contentsOf: known)
      } else {
        let start = ids.count
        append(word: span, word, &workspace, into: &ids)
        workspace.cache.remember(key, ids[start...])
      }
    }
  }

  private func append(
    word text: Span<UInt8>, _ range: Range<Int>, _ workspace: inout Workspace, into ids: inout [Int32]
  ) {
    if let wholeWords, range.count <= longestWholeWord {
      var word: [UInt8] = []
      for index in range { word.append(text[index]) }
      if let id = wholeWords[word] { return ids.append(id) }
    }
    workspace.merger.removeAll()
    for index in range {
      let id = byteIDs[Int(text[index])]
      // As in Hugging Face's tokenizers, a byte without a token is unknown, or is left out where nothing stands
      // for that. Whole vocabularies have all bytes.
      if id >= 0 { workspace.merger.append(id) } else if let unknownID { workspace.merger.append(unknownID) }
    }
    workspace.merger.merge(by: merges) { symbol, _ in ids.append(symbol) }
  }

  private let longestWholeWord: Int

  /// Whether merges alone leave some token apart that a word may be, so that it matters whether words are taken whole.
  func leavesTokensApart(_ vocabulary: VocabularyIndex) -> Bool {
    var merger = PairMerger()
    for (index, token) in vocabulary.tokens.enumerated() where vocabulary.types[index] == .normal {
      guard let bytes = ByteAlphabet.bytes(of: token), !bytes.isEmpty, bytes.allSatisfy({ byteIDs[Int($0)] >= 0 })
      else {
        continue
      }
      merger.removeAll()
      for byte in bytes { merger.append(byteIDs[Int(byte)]) }
      var isWhole = false
      merger.merge(by: merges) { symbol, place in isWhole = isWhole || (place == 0 && symbol == Int32(index)) }
      if !isWhole { return true }
    }
    return false
  }

  func decode(_ token: String, _ type: TokenType, into bytes: inout [UInt8]) {
    if type == .normal, let stood = ByteAlphabet.bytes(of: token) {
      bytes.append(contentsOf: stood)
    } else {
      bytes.append(contentsOf: token.utf8)
    }
  }

  init(
    steps: [Splitter], merges: MergeTable, vocabulary: VocabularyIndex, ignoresMerges: Bool,
    addsPrefixSpace: Bool, unknownID: Int32?
  ) {
    self.steps = steps
    self.merges = merges
    self.addsPrefixSpace = addsPrefixSpace
    self.unknownID = unknownID
    byteIDs = ByteAlphabet.characters.map { vocabulary.id(of: String($0)) ?? -1 }
    guard ignoresMerges else {
      wholeWords = nil
      longestWholeWord = 0
      return
    }
    var words: [[UInt8]: Int32] = [:]
    words.reserveCapacity(vocabulary.tokens.count)
    var longest = 0
    for (index, token) in vocabulary.tokens.enumerated() where vocabulary.types[index] == .normal {
      guard let bytes = ByteAlphabet.bytes(of: token), !bytes.isEmpty else { continue }
      longest = max(longest, bytes.count)
      words[bytes] = Int32(index)
    }
    wholeWords = words
    longestWholeWord = longest
  }
}
