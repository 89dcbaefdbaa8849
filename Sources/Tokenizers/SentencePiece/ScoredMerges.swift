/// The merges that scores imply: every way to cut a token in two, where each part is a token or a single character.
/// A token's score decides the rank of all its cuts.
struct ScoredMerges {
  /// A cut of a token. Parts at or past the vocabulary's size are characters without a token.
  struct Cut {
    var left: Int32
    var right: Int32
    var token: Int32
  }

  /// Highest score first, then in order of ids and places.
  private(set) var cuts: [Cut] = []
  private(set) var table = MergeTable(minimumCapacity: 0)
  /// Symbols of single characters.
  private(set) var characters: [UInt32: Int32] = [:]
  /// Characters without a token of their own; the first has the symbol that follows the last token.
  private(set) var others: [Unicode.Scalar] = []

  init(scores: [Float], vocabulary: VocabularyIndex) {
    // Only pieces of text take part: a control token's text in a document is plain text.
    var parts: [TokenText: Int32] = [:]
    for (index, token) in vocabulary.tokens.enumerated() where vocabulary.types[index] == .normal {
      if parts[TokenText(token)] == nil { parts[TokenText(token)] = Int32(index) }
      if let scalar = Self.single(token), characters[scalar.value] == nil { characters[scalar.value] = Int32(index) }
    }
    for (index, token) in vocabulary.tokens.enumerated() where vocabulary.types[index] == .normal {
      guard parts[TokenText(token)] == Int32(index) else { continue }
      var places: [String.Index] = []
      for place in token.unicodeScalars.indices.dropFirst() { places.append(place) }
      // No trained piece is nearly that long, and the work would grow with the square of the length.
      guard places.count < 256 else { continue }
      for place in places {
        guard let left = symbol(token[..<place], parts, vocabulary.tokens.count),
          let right = symbol(token[place...], parts, vocabulary.tokens.count)
        else { continue }
        cuts.append(Cut(left: left, right: right, token: Int32(index)))
      }
    }

    // NaN would make an order that is none.
    let ordered = scores.map { $0.isNaN ? -Float.infinity : $0 }
    let ranks = Array(Set(cuts.map { ordered[Int($0.token)] })).sorted(by: >)
    var rankOfScore: [Float: UInt32] = [:]
    for (rank, score) in ranks.enumerated() { rankOfScore[score] = UInt32(rank) }
    cuts = cuts.enumerated().sorted { one, other in
      let first = ordered[Int(one.element.token)]
      let second = ordered[Int(other.element.token)]
      return first != second ? first > second : one.offset < other.offset
    }.map(\.element)
    table = MergeTable(minimumCapacity: cuts.count)
    for cut in cuts {
      let rank = rankOfScore[ordered[Int(cut.token)]] ?? 0
      table.add(left: cut.left, right: cut.right, MergeTable.Merge(rank: rank, result: cut.token))
    }
  }

  private mutating func symbol(_ text: Substring, _ parts: [TokenText: Int32], _ vocabularySize: Int) -> Int32? {
    if let id = parts[TokenText(String(text))] { return id }
    guard let scalar = Self.single(text) else { return nil }
    if let symbol = characters[scalar.value] { return symbol }
    let symbol = Int32(vocabularySize + others.count)
    others.append(scalar)
    characters[scalar.value] = symbol
    return symbol
  }

  private static func single(_ text: some StringProtocol) -> Unicode.Scalar? {
    text.unicodeScalars.dropFirst().isEmpty ? text.unicodeScalars.first : nil
  }
}
