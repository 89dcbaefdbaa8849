internal import Bytes

/// Makes a tokenizer and a GGUF vocabulary of a `tekken.json`. Of the settings beside it, chat templates and further end
/// tokens count; the file itself says everything else.
struct TekkenLoader {
  let path: String
  let settings: FolderSettings
  let vocabularySize: Int?

  /// Most bytes of merges as text. Real files have 5 MB.
  private static let mostMergeBytes = 256 << 20

  func load(_ bytes: [UInt8]) throws(FileError) -> LoadedTokenizer {
    let file = try TekkenFile(bytes, path: path)
    let (tokens, types) = try tokens(file)
    let index = VocabularyIndex(tokens: tokens, types: types)
    let pairs = try pairs(file)

    var merges = MergeTable(minimumCapacity: pairs.count)
    for pair in pairs {
      // A pair's rank is that of the token it makes: of two ways to make one token, the leftmost in the text goes first.
      merges.add(left: pair.left, right: pair.right, .init(rank: UInt32(pair.result), result: pair.result))
    }
    let model = ByteLevelModel(
      steps: file.preTokenizer.steps, merges: merges, vocabulary: index, ignoresMerges: true,
      addsPrefixSpace: false, unknownID: nil)

    var roles = TokenRoles(settings, index)
    roles.bosID = index.id(of: "<s>")
    roles.eosID = index.id(of: "</s>")
    roles.unknownID = index.id(of: "<unk>")
    roles.paddingID = index.id(of: "<pad>")
    roles.endIDs = [roles.eosID].compactMap(\.self) + roles.endIDs.filter { $0 != roles.eosID }
    let before = [roles.bosID].compactMap(\.self)
    let tokenizer = Tokenizer(
      index: index, model: model, normalizer: TextNormalizer(),
      added: file.specialTokens.enumerated().map {
        AddedToken(id: Int32($0.offset), content: $0.element, isSpecial: true)
      },
      removesLeadingSpace: false, prefixIDs: before, suffixIDs: [], bosID: roles.bosID, eosIDs: roles.endIDs,
      unknownID: roles.unknownID)

    var vocabulary = GGUFVocabulary(model: "gpt2", pre: file.preTokenizer.names.first, tokens: tokens)
    vocabulary.tokenTypes = types.map(\.rawValue)
    vocabulary.merges = pairs.map { tokens[Int($0.left)] + " " + tokens[Int($0.right)] }
    roles.apply(to: &vocabulary)
    vocabulary.addBOS = !before.isEmpty
    vocabulary.addEOS = false
    vocabulary.tekken = file.settings
    vocabulary.chatTemplate = settings.chatTemplate ?? file.version.flatMap { BuiltInTemplate.tekken[$0] }
    vocabulary.namedTemplates = settings.namedTemplates
    // The file's own settings are in the vocabulary.
    return LoadedTokenizer(
      tokenizer: tokenizer, vocabulary: vocabulary, kept: KeptTokenizer(), losses: [], path: path)
  }

  private func tokens(_ file: TekkenFile) throws(FileError) -> (tokens: [String], types: [TokenType]) {
    var table = VocabularyTable(
      count: file.specialTokens.count + file.tokens.count, vocabularySize: vocabularySize, path: path)
    var special: [TokenText: Int] = [:]
    for (id, text) in file.specialTokens.enumerated() {
      special[TokenText(text)] = id
      try table.set(id, text, .control, subject: "special_tokens")
    }
    for rank in 0..<file.tokens.count {
      let id = file.specialTokens.count + rank
      let text = ByteAlphabet.text(of: file.tokens[rank])
      if let other = special[TokenText(text)] {
        throw FileError(
          .unsupported, path: path, subject: "vocab[\(rank)]",
          "tokens \(other), a special one, and \(id) are both \(shown(text)); a GGUF cannot tell them apart")
      }
      try table.set(id, text, .normal, subject: "vocab[\(rank)]")
    }
    return try table.filled(to: vocabularySize)
  }

  /// Every pair that makes a token, as ids: in order of the token made, then of the left part, as llama.cpp's converter
  /// writes them.
  private func pairs(_ file: TekkenFile) throws(FileError) -> [ResolvedMerge] {
    let cuts = ByteStringCuts(file.tokens)
    if let (first, second) = cuts.duplicate {
      throw FileError(
        .malformed, path: path, subject: "vocab[\(second)]",
        "tokens of ranks \(first) and \(second) have the same bytes, \(shown(ByteAlphabet.text(of: file.tokens[first])))"
      )
    }
    let offset = Int32(file.specialTokens.count)
    var pairs: [ResolvedMerge] = []
    pairs.reserveCapacity(2 * file.tokens.count)
    var mergeBytes = 0
    for rank in 0..<file.tokens.count {
      let start = pairs.count
      cuts.forEach(of: rank) { left, right in
        pairs.append(ResolvedMerge(left: left + offset, right: right + offset, result: Int32(rank) + offset))
      }
      // Two left parts of one token are never the same.
      pairs[start...].sort { $0.left < $1.left }
      mergeBytes += (pairs.count - start) * (2 * file.tokens[rank].count + 1)
      guard mergeBytes <= Self.mostMergeBytes else {
        throw FileError(
          .unsupported, path: path, subject: "vocab[\(rank)]",
          "the pairs that make tokens up to this one take more than \(Self.mostMergeBytes) bytes, which is not supported"
        )
      }
    }
    return pairs
  }
}
