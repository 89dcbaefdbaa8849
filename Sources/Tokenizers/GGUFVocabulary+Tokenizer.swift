public import Bytes

/// A value of `tokenizer.ggml.model` that can be run.
struct GGUFModelKind: Sendable {
  let name: String
  let make: @Sendable (GGUFVocabulary, VocabularyIndex, _ path: String) throws(FileError) -> any TextModel
  let normalizer: @Sendable (GGUFVocabulary) -> TextNormalizer
  /// Whether a file that does not say puts the beginning-of-text token in front.
  let addsBOS: @Sendable (GGUFVocabulary) -> Bool

  static let all = [
    GGUFModelKind(
      name: "llama",
      make: { vocabulary, index, path throws(FileError) in
        try vocabulary.sentencePieceModel(index, prefix: SpacePrefix(places: .nowhere), path: path)
      },
      normalizer: { vocabulary in
        TextNormalizer(
          removesExtraSpaces: vocabulary.removeExtraWhitespaces ?? false,
          prependsSpace: vocabulary.addSpacePrefix ?? true, escapesSpaces: true)
      },
      addsBOS: { _ in true }),
    GGUFModelKind(
      name: "gpt2",
      make: { vocabulary, index, path throws(FileError) in try vocabulary.byteLevelModel(index, path: path) },
      normalizer: { TextNormalizer(composes: PreTokenizer.named($0.pre ?? "default")?.composes ?? false) },
      addsBOS: { PreTokenizer.named($0.pre ?? "default")?.addsBOS ?? false }),
  ]
}

extension Tokenizer {
  /// The tokenizer of a GGUF file's vocabulary, which gives the ids that llama.cpp gives.
  ///
  /// What a file does not say is as in llama.cpp: a `llama` vocabulary begins text with the token for that and a
  /// space, a `gpt2` one does neither and cuts words in the `default` way.
  /// - Parameter path: the file, for errors.
  /// - Throws: `FileError` for a kind of tokenizer that is not known here, and for a vocabulary with contradictions.
  public init(_ vocabulary: GGUFVocabulary, path: String) throws(FileError) {
    try self.init(vocabulary, path: path, flags: [], metaspacePrefix: nil)
  }

  /// - Parameters:
  ///   - flags: added tokens that take white space or stand alone, which the vocabulary does not tell.
  ///   - metaspacePrefix: where `Metaspace` puts a `▁`, for a SentencePiece vocabulary that is read so.
  init(_ vocabulary: GGUFVocabulary, path: String, flags: [AddedToken], metaspacePrefix: SpacePrefix?)
    throws(FileError)
  {
    guard let kind = GGUFModelKind.all.first(where: { $0.name == vocabulary.model }) else {
      let known = GGUFModelKind.all.map(\.name).joined(separator: ", ")
      let family =
        switch vocabulary.model {
        case "t5": " (a Unigram model)"
        case "bert": " (a WordPiece model)"
        default: ""
        }
      throw FileError(
        .unsupported, path: path, subject: "tokenizer.ggml.model",
        "the tokenizer is a \(shown(vocabulary.model))\(family); these can be run: \(known)")
    }
    let types = try vocabulary.validated(path: path)
    let index = VocabularyIndex(tokens: vocabulary.tokens, types: types)
    let model =
      if let metaspacePrefix {
        try vocabulary.sentencePieceModel(index, prefix: metaspacePrefix, path: path)
      } else {
        try kind.make(vocabulary, index, path)
      }

    let flagged = Dictionary(flags.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    var added: [AddedToken] = []
    for (id, type) in types.enumerated() where type == .control || type == .userDefined || type == .unknown {
      let flags = flagged[Int32(id)]
      added.append(
        AddedToken(
          id: Int32(id), content: vocabulary.tokens[id], isSpecial: type != .userDefined,
          stripsLeft: flags?.stripsLeft ?? false, stripsRight: flags?.stripsRight ?? false,
          isSingleWord: flags?.isSingleWord ?? false))
    }
    let addsBOS = vocabulary.addBOS ?? kind.addsBOS(vocabulary)
    let normalizer = metaspacePrefix == nil ? kind.normalizer(vocabulary) : TextNormalizer()
    self.init(
      index: index, model: model, normalizer: normalizer, added: added,
      removesLeadingSpace: normalizer.prependsSpace || metaspacePrefix.map { $0.places != .nowhere } ?? false,
      prefixIDs: addsBOS ? vocabulary.bosID.map { [$0] } ?? [] : [],
      suffixIDs: vocabulary.addEOS ?? false ? vocabulary.eosID.map { [$0] } ?? [] : [],
      bosID: vocabulary.bosID, eosIDs: vocabulary.allEndIDs, unknownID: vocabulary.unknownID)
  }
}

extension GGUFVocabulary {
  /// Checks that the lists fit together and every id is one of the vocabulary.
  /// - Returns: the types of all tokens.
  func validated(path: String) throws(FileError) -> [TokenType] {
    guard !tokens.isEmpty else {
      throw FileError(.missing, path: path, subject: "tokenizer.ggml.tokens", "the vocabulary has no tokens")
    }
    guard tokens.count < 1 << 28 else {
      throw FileError(
        .unsupported, path: path, subject: "tokenizer.ggml.tokens",
        "the vocabulary has \(tokens.count) tokens; fewer than \(1 << 28) are supported")
    }
    if let scores, scores.count != tokens.count {
      throw FileError(
        .mismatch, path: path, subject: "tokenizer.ggml.scores",
        "there are \(scores.count) scores for \(tokens.count) tokens")
    }
    guard tokenTypes.isEmpty || tokenTypes.count == tokens.count else {
      throw FileError(
        .mismatch, path: path, subject: "tokenizer.ggml.token_type",
        "there are \(tokenTypes.count) types for \(tokens.count) tokens")
    }
    let ids: [(key: String, id: Int32?)] = [
      ("bos_token_id", bosID), ("eos_token_id", eosID), ("eot_token_id", eotID), ("eom_token_id", eomID),
      ("unknown_token_id", unknownID), ("padding_token_id", paddingID), ("seperator_token_id", separatorID),
      ("mask_token_id", maskID),
    ]
    for (key, id) in ids + endIDs.map({ ("end ids", $0) }) {
      guard let id, id < 0 || Int(id) >= tokens.count else { continue }
      throw FileError(
        .malformed, path: path, subject: "tokenizer.ggml.\(key)",
        "the id is \(id), but the vocabulary has \(tokens.count) tokens")
    }
    if tokenTypes.isEmpty { return [TokenType](repeating: .normal, count: tokens.count) }
    var types: [TokenType] = []
    types.reserveCapacity(tokens.count)
    for (index, number) in tokenTypes.enumerated() {
      // llama.cpp takes other numbers, such as the 0 of "undefined", for ordinary text.
      let type = TokenType(rawValue: number) ?? .normal
      let isByte = type == .byte && model == "llama"
      guard !isByte || ByteToken.byte(of: tokens[index]) != nil else {
        throw FileError(
          .malformed, path: path, subject: "tokenizer.ggml.tokens",
          "token \(index) is of type byte, but \(shown(tokens[index])) is not of the form <0xHH>")
      }
      types.append(type)
    }
    return types
  }

  func sentencePieceModel(_ index: VocabularyIndex, prefix: SpacePrefix, path: String) throws(FileError)
    -> any TextModel
  {
    guard let scores else {
      throw FileError(
        .missing, path: path, subject: "tokenizer.ggml.scores",
        "a \"llama\" vocabulary needs a score for every token: they decide the order of merges")
    }
    return SentencePieceModel(
      scores: scores, vocabulary: index, prefix: prefix,
      unknownID: unknownID ?? index.types.firstIndex(of: .unknown).map { Int32($0) })
  }

  func byteLevelModel(_ index: VocabularyIndex, path: String) throws(FileError) -> any TextModel {
    let preTokenizer = try PreTokenizer.required(pre ?? "default", path: path)
    return ByteLevelModel(
      steps: preTokenizer.steps,
      merges: MergeTable(
        ranked: try index.merges(try mergePairs(path: path), path: path, key: "tokenizer.ggml.merges")),
      vocabulary: index, ignoresMerges: preTokenizer.ignoresMerges, addsPrefixSpace: addSpacePrefix ?? false,
      unknownID: nil)
  }

  /// The merges as pairs of tokens.
  func mergePairs(path: String) throws(FileError) -> [(left: String, right: String)] {
    try Self.pairs(merges, path: path)
  }

  static func pairs(_ merges: [String], path: String) throws(FileError) -> [(left: String, right: String)] {
    guard merges.count < 1 << 28 else {
      throw FileError(.unsupported, path: path, subject: "tokenizer.ggml.merges", "there are \(merges.count) merges")
    }
    var pairs: [(left: String, right: String)] = []
    pairs.reserveCapacity(merges.count)
    for merge in merges {
      guard let pair = MergeText.pair(merge) else {
        throw FileError(
          .malformed, path: path, subject: "tokenizer.ggml.merges",
          "merge \(pairs.count), \(shown(merge)), is not two tokens with a space between")
      }
      pairs.append(pair)
    }
    return pairs
  }
}
