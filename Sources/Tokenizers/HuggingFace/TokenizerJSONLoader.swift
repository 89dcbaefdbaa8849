internal import Bytes
internal import JSON

/// Makes a tokenizer and a GGUF vocabulary of a `tokenizer.json` and the settings beside it.
struct TokenizerJSONLoader {
  let path: String
  let settings: FolderSettings
  let vocabularySize: Int?

  func load(_ bytes: [UInt8]) throws(FileError) -> LoadedTokenizer {
    let json = try TokenizerJSON(bytes, path: path)
    let pipeline = try TokenizerPipeline(json)
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let text = json.model[key]?.string, !text.isEmpty {
        throw FileError(.unsupported, path: path, subject: "model.\(key)", "\(shown(text)) is not supported; none is")
      }
    }
    let bytesFallBack = json.model["byte_fallback"]?.bool ?? false
    guard pipeline.isByteLevel || pipeline.escapesSpaces else {
      throw FileError(
        .unsupported, path: path, subject: "pre_tokenizer",
        "the model is BPE neither over bytes (ByteLevel) nor over characters with \"▁\" for spaces; those two are supported"
      )
    }
    guard json.merges.count < 1 << 28 else {
      throw FileError(.unsupported, path: path, subject: "model.merges", "there are \(json.merges.count) merges")
    }

    let added = try addedTokens(json)
    let (tokens, types) = try tokens(json, added, isByteLevel: pipeline.isByteLevel, bytesFallBack: bytesFallBack)
    let index = VocabularyIndex(tokens: tokens, types: types)
    let merges = try index.merges(json.merges, path: path, key: "model.merges")
    let unknownID = try json.model["unk_token"]?.string.map { text throws(FileError) in
      guard let id = index.id(of: text) else {
        throw FileError(
          .malformed, path: path, subject: "model.unk_token", "\(shown(text)) is not in the vocabulary")
      }
      return id
    }

    var roles = TokenRoles(settings, index)
    if roles.unknownID == nil { roles.unknownID = unknownID }
    let (before, after) = try surroundings(pipeline, roles, index)
    if roles.bosID == nil, let first = before.first { roles.bosID = first }

    let model: any TextModel
    if pipeline.isByteLevel {
      model = ByteLevelModel(
        steps: pipeline.steps, merges: MergeTable(ranked: merges), vocabulary: index,
        ignoresMerges: json.model["ignore_merges"]?.bool ?? false, composes: pipeline.composes,
        addsPrefixSpace: pipeline.addsPrefixSpace, unknownID: unknownID)
    } else {
      model = SentencePieceModel(
        merges: merges, vocabulary: index, prefix: pipeline.prefix, splitsAtSpaces: pipeline.splitsAtSpaces,
        bytesFallBack: bytesFallBack, unknownID: unknownID, fusesUnknown: json.model["fuse_unk"]?.bool ?? false)
    }
    let tokenizer = Tokenizer(
      index: index, model: model, matcher: AddedTokenMatcher(added), prefixIDs: before, suffixIDs: after,
      bosID: roles.bosID, eosIDs: roles.endIDs, unknownID: roles.unknownID)

    var vocabulary = GGUFVocabulary(model: pipeline.isByteLevel ? "gpt2" : "llama", tokens: tokens)
    vocabulary.tokenTypes = types.map(\.rawValue)
    roles.apply(to: &vocabulary)
    vocabulary.addBOS = roles.bosID.map(before.contains) ?? false
    vocabulary.addEOS = roles.eosID.map(after.contains) ?? false
    vocabulary.chatTemplate = settings.chatTemplate
    vocabulary.namedTemplates = settings.namedTemplates
    for (id, type) in types.enumerated() where type == .userDefined {
      vocabulary.tokens[id] = SentencePieceLoader.unescaped(tokens[id])
    }
    if pipeline.isByteLevel {
      vocabulary.pre = try preTokenizerName(pipeline, ignoresMerges: json.model["ignore_merges"]?.bool ?? false)
      vocabulary.merges = merges.map { MergeText.text(tokens[Int($0.left)], tokens[Int($0.right)]) }
      if pipeline.addsPrefixSpace { vocabulary.addSpacePrefix = true }
    } else {
      vocabulary.pre = "default"
      vocabulary.addSpacePrefix = pipeline.prefix.places != .nowhere
      vocabulary.scores = scores(tokens, types, merges)
    }
    return LoadedTokenizer(tokenizer: tokenizer, vocabulary: vocabulary, path: path)
  }

  // MARK: - Tokens

  /// Added tokens of `tokenizer.json`, and those that only `tokenizer_config.json` has.
  private func addedTokens(_ json: TokenizerJSON) throws(FileError) -> [AddedToken] {
    var added: [AddedToken] = []
    var known: Set<Int32> = []
    for entry in json.addedTokens {
      guard let id = entry["id"]?.int else {
        throw FileError(.malformed, path: path, subject: "added_tokens", "an added token has no id")
      }
      let token = try FolderSettings.added(entry, id: id, path: path, subject: "added_tokens")
      added.append(token)
      known.insert(token.id)
    }
    for token in settings.addedTokens where !known.contains(token.id) { added.append(token) }
    return added
  }

  private func tokens(_ json: TokenizerJSON, _ added: [AddedToken], isByteLevel: Bool, bytesFallBack: Bool)
    throws(FileError) -> (tokens: [String], types: [TokenType])
  {
    var table = VocabularyTable(
      count: json.vocabulary.count + added.count, vocabularySize: vocabularySize, path: path)
    for (token, id) in json.vocabulary {
      if let other = table[id] {
        throw FileError(
          .malformed, path: path, subject: "model.vocab",
          "tokens \(shown(other.token)) and \(shown(token)) have the same id \(id)")
      }
      let isByte = bytesFallBack && ByteToken.byte(of: token) != nil
      try table.set(id, token, isByte ? .byte : .normal, subject: "model.vocab")
    }
    for token in added {
      try table.set(
        Int(token.id), token.content, token.isSpecial ? .control : .userDefined, subject: "added_tokens")
    }
    if !isByteLevel, let unknown = json.model["unk_token"]?.string,
      let id = json.vocabulary.first(where: { $0.token.utf8.elementsEqual(unknown.utf8) })?.id
    {
      table.setType(id, .unknown)
    }
    return try table.filled(to: vocabularySize)
  }

  /// Tokens before and after a text. What `tokenizer_config.json` says of the first and last goes before the template.
  private func surroundings(_ pipeline: TokenizerPipeline, _ roles: TokenRoles, _ index: VocabularyIndex)
    throws(FileError) -> (before: [Int32], after: [Int32])
  {
    func resolved(_ tokens: [String]) throws(FileError) -> [Int32] {
      try tokens.map { token throws(FileError) in
        guard let id = index.id(of: token) else {
          throw FileError(
            .malformed, path: path, subject: "post_processor", "\(shown(token)) is not in the vocabulary")
        }
        return id
      }
    }
    var before = try resolved(pipeline.before)
    var after = try resolved(pipeline.after)
    if let addsBOS = settings.flag("add_bos_token"), let bosID = roles.bosID, addsBOS != before.contains(bosID) {
      if addsBOS { before.insert(bosID, at: 0) } else { before.removeAll { $0 == bosID } }
    }
    if let addsEOS = settings.flag("add_eos_token"), let eosID = roles.eosID, addsEOS != after.contains(eosID) {
      if addsEOS { after.append(eosID) } else { after.removeAll { $0 == eosID } }
    }
    return (before, after)
  }

  // MARK: - For GGUF

  private func preTokenizerName(_ pipeline: TokenizerPipeline, ignoresMerges: Bool) throws(FileError) -> String {
    if let known = PreTokenizer.cutting(with: pipeline.steps, ignoresMerges: ignoresMerges),
      let name = known.names.first
    {
      return name
    }
    throw FileError(
      .unsupported, path: path, subject: "pre_tokenizer",
      "GGUF files have no name for this way to cut words: \(pipeline.steps.map(\.name).joined(separator: ", then "))")
  }

  /// Scores for merging as SentencePiece does: those of a `tokenizer.model` beside this file where it has the same
  /// tokens, or else minus the rank of the first merge that makes a token. What no merge makes comes last.
  private func scores(_ tokens: [String], _ types: [TokenType], _ merges: [ResolvedMerge]) -> [Float] {
    let modelPath = FileSystem.join(settings.folder, "tokenizer.model")
    if FileSystem.isFile(modelPath), let pieces = try? SentencePieceLoader.pieces(of: modelPath),
      pieces.count <= tokens.count,
      zip(pieces, tokens).allSatisfy({ $0.piece.utf8.elementsEqual($1.utf8) })
    {
      return pieces.map(\.score) + [Float](repeating: 0, count: tokens.count - pieces.count)
    }
    var scores = [Float](repeating: 0, count: tokens.count)
    var isMerged = [Bool](repeating: false, count: tokens.count)
    for (rank, merge) in merges.enumerated() where !isMerged[Int(merge.result)] {
      isMerged[Int(merge.result)] = true
      scores[Int(merge.result)] = -Float(rank)
    }
    var last = merges.count
    for (id, type) in types.enumerated() where type == .normal && !isMerged[id] {
      scores[id] = -Float(last)
      last += 1
    }
    return scores
  }
}
