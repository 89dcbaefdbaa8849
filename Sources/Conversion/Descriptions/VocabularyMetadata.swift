package import Bytes
package import GGUF
package import Tensors
package import Tokenizers

/// A vocabulary as GGUF metadata and back. The keys are those of GGUF's specification; the one thing it has no key
/// for, a list of end tokens, is ours.
package enum VocabularyMetadata {
  /// Every id that ends a text or a turn.
  static let endIDsKey = "decant.tokenizer.end_token_ids"
  /// What a `tekken.json` says beside its tokens.
  static let tekkenKey = "decant.tekken"

  private static let ids: [(key: String, path: any WritableKeyPath<GGUFVocabulary, Int32?> & Sendable)] = [
    ("tokenizer.ggml.bos_token_id", \.bosID), ("tokenizer.ggml.eos_token_id", \.eosID),
    ("tokenizer.ggml.eot_token_id", \.eotID), ("tokenizer.ggml.eom_token_id", \.eomID),
    ("tokenizer.ggml.unknown_token_id", \.unknownID), ("tokenizer.ggml.padding_token_id", \.paddingID),
    ("tokenizer.ggml.seperator_token_id", \.separatorID), ("tokenizer.ggml.mask_token_id", \.maskID),
  ]

  private static let flags: [(key: String, path: any WritableKeyPath<GGUFVocabulary, Bool?> & Sendable)] = [
    ("tokenizer.ggml.add_bos_token", \.addBOS), ("tokenizer.ggml.add_eos_token", \.addEOS),
    ("tokenizer.ggml.add_space_prefix", \.addSpacePrefix),
    ("tokenizer.ggml.remove_extra_whitespaces", \.removeExtraWhitespaces),
  ]

  private static let templateKey = "tokenizer.chat_template"
  private static let templateNamesKey = "tokenizer.chat_templates"

  /// What the tokenizer files of a Hugging Face folder say beside it.
  private enum Kept {
    static let tokenizer = "decant.huggingface.tokenizer"
    static let configuration = "decant.huggingface.tokenizer_config"
    static let specialTokens = "decant.huggingface.special_tokens_map"
    static let addedOnly = "decant.huggingface.tokenizer.added_only"
    static let merges = "decant.huggingface.tokenizer.merges"
  }

  package static func entries(for kept: KeptTokenizer) -> [(key: String, value: MetadataValue)] {
    var entries: [(key: String, value: MetadataValue)] = []
    for (key, text) in [
      (Kept.tokenizer, kept.tokenizer), (Kept.configuration, kept.configuration),
      (Kept.specialTokens, kept.specialTokens),
    ] {
      if let text { entries.append((key, .string(text))) }
    }
    if !kept.addedOnly.isEmpty { entries.append((Kept.addedOnly, .int32s(kept.addedOnly))) }
    if !kept.merges.isEmpty { entries.append((Kept.merges, .strings(kept.merges))) }
    return entries
  }

  /// What is kept in a GGUF. It is a program's word and may be anything.
  package static func kept(in metadata: GGUFMetadata) -> KeptTokenizer {
    KeptTokenizer(
      tokenizer: metadata[Kept.tokenizer]?.string, configuration: metadata[Kept.configuration]?.string,
      specialTokens: metadata[Kept.specialTokens]?.string,
      addedOnly: ((try? metadata.integers(Kept.addedOnly)) ?? []).compactMap { Int32(exactly: $0) },
      merges: (try? metadata.strings(Kept.merges)) ?? [])
  }

  package static func entries(for vocabulary: GGUFVocabulary) -> [(key: String, value: MetadataValue)] {
    var entries: [(key: String, value: MetadataValue)] = []
    func add(_ key: String, _ value: MetadataValue?) {
      if let value { entries.append((key, value)) }
    }
    add("tokenizer.ggml.model", .string(vocabulary.model))
    add("tokenizer.ggml.pre", vocabulary.pre.map(MetadataValue.string))
    add("tokenizer.ggml.tokens", .strings(vocabulary.tokens))
    add("tokenizer.ggml.scores", vocabulary.scores.map(MetadataValue.float32s))
    add("tokenizer.ggml.token_type", vocabulary.tokenTypes.isEmpty ? nil : .int32s(vocabulary.tokenTypes))
    // llama.cpp wants the key of a vocabulary over bytes, also where nothing is merged.
    let hasMerges = !vocabulary.merges.isEmpty || vocabulary.model == "gpt2"
    add("tokenizer.ggml.merges", hasMerges ? .strings(vocabulary.merges) : nil)
    for (key, path) in ids { add(key, vocabulary[keyPath: path].map { .uint32(UInt32(clamping: $0)) }) }
    for (key, path) in flags { add(key, vocabulary[keyPath: path].map(MetadataValue.bool)) }
    add(endIDsKey, vocabulary.endIDs.isEmpty ? nil : .int32s(vocabulary.endIDs))
    add(tekkenKey, vocabulary.tekken.map(MetadataValue.string))
    add(templateKey, vocabulary.chatTemplate.map(MetadataValue.string))
    if !vocabulary.namedTemplates.isEmpty {
      add(templateNamesKey, .strings(vocabulary.namedTemplates.map(\.name)))
      for named in vocabulary.namedTemplates { add("\(templateKey).\(named.name)", .string(named.template)) }
    }
    return entries
  }

  /// The vocabulary in a GGUF; nil where it has none.
  /// - Throws: `FileError` when a key has a value of the wrong type.
  package static func vocabulary(in metadata: GGUFMetadata) throws(FileError) -> GGUFVocabulary? {
    guard let model = try metadata.string("tokenizer.ggml.model") else { return nil }
    guard let stored = try metadata.stringBytes("tokenizer.ggml.tokens") else {
      throw metadata.missing("tokenizer.ggml.tokens")
    }
    var tokens: [String] = []
    tokens.reserveCapacity(stored.count)
    for bytes in stored {
      // Some old files hold pieces of characters as tokens; they can be written, but never matched.
      tokens.append(String(decoding: bytes, as: UTF8.self))
    }
    var vocabulary = GGUFVocabulary(
      model: model, pre: try metadata.string("tokenizer.ggml.pre"), tokens: tokens,
      scores: try metadata.floats("tokenizer.ggml.scores"),
      tokenTypes: (try metadata.integers("tokenizer.ggml.token_type") ?? []).map { Int32(clamping: $0) },
      merges: try metadata.strings("tokenizer.ggml.merges") ?? [])
    for (key, path) in ids {
      vocabulary[keyPath: path] = try metadata.unsigned(key).flatMap(GGUFVocabulary.id)
    }
    for (key, path) in flags { vocabulary[keyPath: path] = try metadata.bool(key) }
    vocabulary.endIDs = (try metadata.integers(endIDsKey) ?? []).compactMap { Int32(exactly: $0) }
    vocabulary.tekken = try metadata.string(tekkenKey)
    vocabulary.chatTemplate = try metadata.string(templateKey)
    var seen: Set<String> = []
    // A name that comes again would be a copy of its template each time.
    for name in try metadata.strings(templateNamesKey) ?? [] where seen.insert(name).inserted {
      guard let template = try metadata.string("\(templateKey).\(name)") else { continue }
      vocabulary.namedTemplates.append(GGUFVocabulary.NamedTemplate(name: name, template: template))
    }
    return vocabulary
  }
}
