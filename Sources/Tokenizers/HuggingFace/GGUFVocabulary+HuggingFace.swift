public import Bytes
public import JSON

extension GGUFVocabulary {
  /// The vocabulary as the files of a Hugging Face folder: `tokenizer.json`, `tokenizer_config.json`,
  /// `special_tokens_map.json` and, where it was made of one, `tekken.json`, which `transformers.AutoTokenizer` opens and which give the ids that this vocabulary
  /// gives.
  ///
  /// The merges of a `llama` vocabulary are all cuts of its tokens in order of score. Every token stands in the
  /// model's vocabulary, also those that text never gives, so that ids with gaps stay what they are; rows that are
  /// padding, `[PADn]`, are not tokens.
  /// - Parameter path: the file the vocabulary came from, for errors.
  /// - Throws: `FileError` for a vocabulary that `Tokenizer` refuses, or that has one text at several ids.
  public func huggingFaceFiles(path: String) throws(FileError) -> [TokenizerFile] {
    let exporter = try HuggingFaceExporter(self, path: path)
    var files = [
      TokenizerFile(name: "tokenizer.json", bytes: try exporter.tokenizer()),
      TokenizerFile(name: "tokenizer_config.json", bytes: try exporter.serialized(exporter.configuration())),
      TokenizerFile(name: "special_tokens_map.json", bytes: try exporter.serialized(exporter.specialTokens())),
    ]
    if let bytes = exporter.tekken() { files.append(TokenizerFile(name: TekkenFile.name, bytes: bytes)) }
    return files
  }

  /// The same with what the files said before they became a GGUF.
  /// - Returns: nil where this vocabulary is not the one that those files would give, so that they cannot be believed.
  public func huggingFaceFiles(kept: KeptTokenizer, path: String) -> [TokenizerFile]? {
    guard !kept.isEmpty, let files = try? files(kept: kept, path: path) else { return nil }
    var documents = Dictionary(files.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first })
    documents["generation_config.json"] = try? JSONValue.object(generationConfiguration).serialized()
    // A cut that is not known here had to be named, and its name is in the GGUF.
    let again =
      (try? TokenizerFolder.load(documents, vocabularySize: tokens.count))
      ?? (try? TokenizerFolder.load(documents, vocabularySize: tokens.count, preTokenizer: pre))
    guard let again else { return nil }
    return agrees(with: again.vocabulary) ? files : nil
  }

  /// Whether a vocabulary is this one but for what follows from other files: scores, templates, further end tokens.
  private func agrees(with other: GGUFVocabulary) -> Bool {
    func isSame(_ role: KeyPath<GGUFVocabulary, Int32?>) -> Bool {
      other[keyPath: role] == nil || other[keyPath: role] == self[keyPath: role]
    }
    func isSame(_ one: [String], _ other: [String]) -> Bool {
      one.elementsEqual(other) { TokenText($0) == TokenText($1) }
    }
    func cut(_ vocabulary: GGUFVocabulary) -> [String]? {
      PreTokenizer.named(vocabulary.pre ?? "default")?.steps.map(\.name)
    }
    return model == other.model && isSame(tokens, other.tokens)
      && tokenTypes == other.tokenTypes && isSame(merges, other.merges)
      && (model == "llama" || cut(self) == cut(other)) && addBOS == other.addBOS && addEOS == other.addEOS
      && addSpacePrefix == other.addSpacePrefix && removeExtraWhitespaces == other.removeExtraWhitespaces
      && isSame(\.bosID) && isSame(\.eosID) && isSame(\.unknownID) && isSame(\.paddingID) && isSame(\.separatorID)
      && isSame(\.maskID)
  }

  private func files(kept: KeptTokenizer, path: String) throws(FileError) -> [TokenizerFile] {
    var configuration = KeptTokenizer.document(kept.configuration) ?? [:]
    let flags = try FolderSettings.addedTokens(in: configuration["added_tokens_decoder"], path: path)
    let exporter = try HuggingFaceExporter(self, flags: flags, path: path)
    configuration["chat_template"] = chatTemplates
    let tokenizer =
      if let line = kept.tokenizer { try tokenizer(line, kept, exporter, path: path) } else { try exporter.tokenizer() }
    var files = [
      TokenizerFile(name: "tokenizer.json", bytes: tokenizer),
      TokenizerFile(name: "tokenizer_config.json", bytes: try exporter.serialized(.object(configuration))),
    ]
    if let map = KeptTokenizer.document(kept.specialTokens) {
      files.append(TokenizerFile(name: "special_tokens_map.json", bytes: try exporter.serialized(.object(map))))
    }
    return files
  }

  /// `tokenizer.json` of its line and this vocabulary.
  private func tokenizer(
    _ line: String, _ kept: KeptTokenizer, _ exporter: HuggingFaceExporter, path: String
  ) throws(FileError) -> [UInt8] {
    var parts = KeptTokenizer.document(line) ?? [:]
    let model = parts.removeValue(forKey: "model")?.object ?? [:]
    let added = parts.removeValue(forKey: "added_tokens")?.array ?? []
    var texts: [Int: String] = [:]
    for token in added {
      if let id = token["id"]?.int, let content = token["content"]?.string { texts[id] = content }
    }
    let addedOnly = Set(kept.addedOnly.map { Int($0) })
    var vocabulary: [(token: String, id: Int)] = []
    for (id, token) in tokens.enumerated() where !isPadding(id) && !addedOnly.contains(id) {
      vocabulary.append((texts[id] ?? token, id))
    }
    let merges = kept.merges.isEmpty ? try exporter.merges() : try Self.pairs(kept.merges, path: path)
    return try exporter.serialized(
      TokenizerDocument(parts: parts, addedTokens: added, model: model, vocabulary: vocabulary, merges: merges))
  }

  /// What `generation_config.json` says about tokens: `bos_token_id`, `pad_token_id`, and `eos_token_id`, a list where
  /// several tokens end a text.
  public var generationConfiguration: [String: JSONValue] {
    var members: [String: JSONValue] = [:]
    members["bos_token_id"] = bosID.map { .integer(Int($0)) }
    members["pad_token_id"] = paddingID.map { .integer(Int($0)) }
    let ends = allEndIDs.map { JSONValue.integer(Int($0)) }
    members["eos_token_id"] = ends.count > 1 ? .array(ends) : ends.first
    return members
  }
}
