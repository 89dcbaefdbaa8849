internal import Bytes
internal import JSON

/// Makes a tokenizer and a GGUF vocabulary of a `tokenizer.json` and the settings beside it.
struct TokenizerJSONLoader {
  let path: String
  let settings: FolderSettings
  let vocabularySize: Int?
  /// A name for how text is cut into words, in place of what the file says; nil where the file counts.
  var preTokenizerName: String?

  func load(_ bytes: [UInt8]) throws(FileError) -> LoadedTokenizer { try load(try TokenizerJSON(bytes, path: path)) }

  func load(_ document: TokenizerJSON) throws(FileError) -> LoadedTokenizer {
    var json = document
    let isLlama = settings.isOfLlamaClass && !json.mentionsBytes
    let named = try preTokenizerName.map { name throws(FileError) in try PreTokenizer.required(name, path: path) }
    let pipeline = try TokenizerPipeline(
      json, llamaPrefix: isLlama && named == nil ? settings.llamaPrefix : nil, preTokenizer: named)
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let text = json.model[key]?.string, !text.isEmpty {
        throw FileError(.unsupported, path: path, subject: "model.\(key)", "\(shown(text)) is not supported; none is")
      }
    }
    let bytesFallBack = isLlama || json.model["byte_fallback"]?.bool ?? false
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
    let addedOnly = Set(added.map { Int($0.id) }).subtracting(json.vocabulary.lazy.map(\.id)).sorted()
    // The longest lists go as soon as they were used: of a million tokens they take tens of megabytes each.
    json.vocabulary = []
    let index = VocabularyIndex(tokens: tokens, types: types)
    let merges = try index.merges(json.merges, path: path, key: "model.merges")
    json.merges = []
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
        ignoresMerges: json.model["ignore_merges"]?.bool ?? false, addsPrefixSpace: pipeline.addsPrefixSpace,
        unknownID: unknownID)
    } else {
      model = SentencePieceModel(
        merges: merges, vocabulary: index, prefix: pipeline.metaspacePrefix ?? SpacePrefix(places: .nowhere),
        splitsAtSpaces: pipeline.splitsAtSpaces, bytesFallBack: bytesFallBack, unknownID: isLlama ? nil : unknownID,
        fusesUnknown: isLlama || json.model["fuse_unk"]?.bool ?? false)
    }
    let tokenizer = Tokenizer(
      index: index, model: model, normalizer: pipeline.normalizer, added: added,
      removesLeadingSpace: pipeline.prependsSpace, prefixIDs: before, suffixIDs: after, bosID: roles.bosID,
      eosIDs: roles.endIDs, unknownID: roles.unknownID)

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
      vocabulary.pre = preTokenizerName
      if vocabulary.pre == nil {
        vocabulary.pre = try name(of: pipeline, ignoresMerges: json.model["ignore_merges"]?.bool ?? false)
      }
      vocabulary.merges = merges.map { MergeText.text(tokens[Int($0.left)], tokens[Int($0.right)]) }
      if pipeline.addsPrefixSpace { vocabulary.addSpacePrefix = true }
    } else {
      vocabulary.pre = "default"
      vocabulary.addSpacePrefix = pipeline.prependsSpace
      vocabulary.scores = try scores(tokens, types, merges)
    }
    var kept = settings.kept
    kept.tokenizer = KeptTokenizer.line(json.withoutVocabulary)
    kept.addedOnly = addedOnly.map { Int32($0) }
    var losses = losses(pipeline, added, vocabulary)
    if let model = model as? ByteLevelModel, let named = PreTokenizer.named(vocabulary.pre ?? "default"),
      named.ignoresMerges != (model.wholeWords != nil), model.leavesTokensApart(index)
    {
      losses.append("words that are tokens are \(named.ignoresMerges ? "merged like others" : "taken whole")")
    }
    if !pipeline.isByteLevel {
      let implied = ScoredMerges(scores: vocabulary.scores ?? [], vocabulary: index).cuts
      let pairs = merges.map { [$0.left, $0.right] }
      if pairs != implied.map({ [$0.left, $0.right] }) {
        kept.merges = merges.map { MergeText.text(tokens[Int($0.left)], tokens[Int($0.right)]) }
        if Set(pairs) != Set(implied.map { [$0.left, $0.right] }) {
          losses.append("only some of the ways to make a token are merges")
        }
      }
    }
    if kept.isTooLong {
      losses.append("the tokenizer's settings have more than \(KeptTokenizer.longest >> 20) MiB and are not kept")
      kept = KeptTokenizer()
    }
    return LoadedTokenizer(tokenizer: tokenizer, vocabulary: vocabulary, kept: kept, losses: losses, path: path)
  }

  /// What GGUF cannot say of this tokenizer, where it decides the ids of some texts.
  private func losses(_ pipeline: TokenizerPipeline, _ added: [AddedToken], _ vocabulary: GGUFVocabulary) -> [String] {
    var losses: [String] = []
    func note(_ tokens: [AddedToken], _ what: String) {
      if let first = tokens.first {
        losses.append("\(tokens.count) added tokens, such as \(shown(first.content)), \(what)")
      }
    }
    note(added.filter { $0.stripsLeft || $0.stripsRight }, "take white space with them (lstrip, rstrip)")
    note(added.filter(\.isSingleWord), "count only as words of their own (single_word)")
    let normalizer = pipeline.normalizer
    note(
      added.filter { $0.isNormalized && (normalizer.prependsSpace || normalizer.normalized($0.content) != $0.content) },
      "are looked for after the normalizer (normalized)")
    if pipeline.isByteLevel {
      let preTokenizer = PreTokenizer.named(vocabulary.pre ?? "default")
      if let preTokenizer, preTokenizer.composes != normalizer.composes {
        losses.append(
          "text is \(normalizer.composes ? "" : "not ")brought to Unicode's form C before this cut into words")
      }
      if normalizer.escapesSpaces || normalizer.prependsSpace {
        losses.append("spaces are replaced before the cut into words")
      }
    } else {
      if normalizer.composes { losses.append("text is brought to Unicode's form C first") }
      switch pipeline.metaspacePrefix?.places {
      case .beginning: losses.append("a space goes before the text and not after special tokens")
      case .everySegment: losses.append("no space goes before text that begins with one")
      case .nowhere, nil: break
      }
      if pipeline.splitsAtSpaces { losses.append("no token goes across the beginning of a word") }
    }
    return losses
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

  private func name(of pipeline: TokenizerPipeline, ignoresMerges: Bool) throws(FileError) -> String {
    let name = PreTokenizer.name(
      of: pipeline.steps, ignoresMerges: ignoresMerges, modelType: settings.modelType)
    if let name { return name }
    throw FileError(
      .unsupported, path: path, subject: "pre_tokenizer",
      "GGUF files have no name for this way to cut words: \(pipeline.steps.map(\.name).joined(separator: ", then "))",
      remedy: .namePreTokenizer)
  }

  /// The pieces of a `tokenizer.model` beside this file; nil where there is none that is one.
  private func piecesBeside() throws(FileError) -> [SPModel.Piece]? {
    let path = FileSystem.join(settings.folder, "tokenizer.model")
    guard try FileSystem.hasFile(path) else { return nil }
    do throws(FileError) {
      return try SentencePieceLoader.pieces(of: path)
    } catch {
      guard error.code != .system else { throw error }
      return nil
    }
  }

  /// Whether a token is that piece. Gemma's `tokenizer.json` has a tabulator where the piece is the byte of one.
  private static func isSame(_ piece: SPModel.Piece, _ token: String) -> Bool {
    if piece.piece.utf8.elementsEqual(token.utf8) { return true }
    return piece.kind == .byte && ByteToken.byte(of: piece.piece).map { token.utf8.elementsEqual([$0]) } ?? false
  }

  /// Scores for merging as SentencePiece does: those of a `tokenizer.model` beside this file where it has the same
  /// tokens, or else minus the rank of the first merge that makes a token. What no merge makes comes last.
  private func scores(
    _ tokens: [String], _ types: [TokenType], _ merges: [ResolvedMerge]
  ) throws(FileError) -> [Float] {
    if let pieces = try piecesBeside(), pieces.count <= tokens.count, zip(pieces, tokens).allSatisfy(Self.isSame) {
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
