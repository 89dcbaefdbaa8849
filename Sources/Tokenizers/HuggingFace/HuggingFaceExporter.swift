internal import Bytes
internal import JSON

/// Writes a vocabulary as Hugging Face's tokenizer files.
struct HuggingFaceExporter {
  private let vocabulary: GGUFVocabulary
  private let path: String
  private let types: [TokenType]
  private let index: VocabularyIndex
  /// Nil for a SentencePiece vocabulary.
  private let preTokenizer: PreTokenizer?
  private let addsBOS: Bool

  /// Added tokens that take white space or stand alone, by id.
  private let flags: [Int32: AddedToken]

  init(_ vocabulary: GGUFVocabulary, flags: [AddedToken] = [], path: String) throws(FileError) {
    self.vocabulary = vocabulary
    self.flags = Dictionary(flags.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    self.path = path
    types = try vocabulary.validated(path: path)
    index = VocabularyIndex(tokens: vocabulary.tokens, types: types)
    // The tokenizer knows what can be run; what it cannot run has no meaning to write down.
    addsBOS = try Tokenizer(vocabulary, path: path).addsBOS
    preTokenizer = vocabulary.model == "gpt2" ? PreTokenizer.named(vocabulary.pre ?? "default") : nil
    if vocabulary.removeExtraWhitespaces ?? false {
      throw FileError(
        .unsupported, path: path, subject: "tokenizer.ggml.remove_extra_whitespaces",
        "a tokenizer that removes spaces cannot be written as tokenizer.json")
    }
    var seen: [TokenText: Int] = [:]
    for (id, token) in vocabulary.tokens.enumerated() {
      if let other = seen.updateValue(id, forKey: TokenText(token)) {
        throw FileError(
          .unsupported, path: path, subject: "tokenizer.ggml.tokens",
          "tokens \(other) and \(id) are both \(shown(token)); a tokenizer.json has every text once")
      }
    }
  }

  private var addsSpace: Bool { vocabulary.addSpacePrefix ?? (preTokenizer == nil) }

  // MARK: - tokenizer.json

  func tokenizer() throws(FileError) -> [UInt8] {
    let document = TokenizerDocument(
      parts: [
        "version": "1.0", "normalizer": normalizer, "pre_tokenizer": preTokenization, "post_processor": postProcessor,
        "decoder": decoder,
      ],
      addedTokens: types.indices.filter { isAdded($0) }.map { id in
        var members = addedToken(id)
        members["id"] = .integer(id)
        return .object(members)
      },
      model: [
        "type": "BPE",
        "unk_token": preTokenizer == nil
          ? unknownID.map { .string(vocabulary.tokens[Int($0)]) } ?? nil : nil,
        "fuse_unk": .bool(preTokenizer == nil), "byte_fallback": .bool(preTokenizer == nil),
        "ignore_merges": .bool(preTokenizer?.ignoresMerges ?? false),
      ],
      vocabulary: types.indices.filter { !vocabulary.isPadding($0) }.map { (vocabulary.tokens[$0], $0) },
      merges: try merges())
    return try serialized(document)
  }

  /// What the lists of added tokens say of one, beside its id.
  private func addedToken(_ id: Int) -> [String: JSONValue] {
    let token = flags[Int32(id)]
    return [
      "content": .string(vocabulary.tokens[id]), "lstrip": .bool(token?.stripsLeft ?? false),
      "rstrip": .bool(token?.stripsRight ?? false), "normalized": false,
      "single_word": .bool(token?.isSingleWord ?? false), "special": .bool(types[id] != .userDefined),
    ]
  }

  private var unknownID: Int32? {
    vocabulary.unknownID ?? types.firstIndex(of: .unknown).map { Int32($0) }
  }

  private func isAdded(_ id: Int) -> Bool {
    switch types[id] {
    case .control, .userDefined, .unknown: !vocabulary.tokens[id].isEmpty
    default: false
    }
  }

  func merges() throws(FileError) -> [(left: String, right: String)] {
    guard preTokenizer == nil else { return try vocabulary.mergePairs(path: path) }
    let size = vocabulary.tokens.count
    return ScoredMerges(scores: vocabulary.scores ?? [], vocabulary: index).cuts.compactMap { cut in
      // A part without a token cannot be written; no trained vocabulary has one.
      guard Int(cut.left) < size, Int(cut.right) < size else { return nil }
      return (vocabulary.tokens[Int(cut.left)], vocabulary.tokens[Int(cut.right)])
    }
  }

  private var normalizer: JSONValue {
    guard preTokenizer == nil else { return preTokenizer?.composes ?? false ? ["type": "NFC"] : nil }
    let replace: JSONValue = ["type": "Replace", "pattern": ["String": " "], "content": "\u{2581}"]
    let prepend: JSONValue = ["type": "Prepend", "prepend": "\u{2581}"]
    return ["type": "Sequence", "normalizers": addsSpace ? [prepend, replace] : [replace]]
  }

  private var preTokenization: JSONValue {
    guard var steps = preTokenizer?.steps else { return nil }
    // GPT-2's own pattern is built in.
    let isBuiltIn = steps.last?.name == Splitter.gpt2.name
    if isBuiltIn { steps.removeLast() }
    var parts: [JSONValue] = steps.map { step in
      [
        "type": "Split", "pattern": ["Regex": .string(step.expressions.first ?? "")],
        "behavior": .string(step.behavior),
        "invert": false,
      ]
    }
    parts.append(byteLevel(usesPattern: isBuiltIn))
    return parts.count == 1 ? parts[0] : ["type": "Sequence", "pretokenizers": .array(parts)]
  }

  private func byteLevel(usesPattern: Bool) -> JSONValue {
    [
      "type": "ByteLevel", "add_prefix_space": .bool(addsSpace), "trim_offsets": false, "use_regex": .bool(usesPattern),
    ]
  }

  private var postProcessor: JSONValue {
    var single: [JSONValue] = [["Sequence": ["id": "A", "type_id": 0]]]
    var pair: [JSONValue] = single + [["Sequence": ["id": "B", "type_id": 1]]]
    var special: [String: JSONValue] = [:]
    func part(_ id: Int32, type: Int) -> JSONValue {
      let token = vocabulary.tokens[Int(id)]
      special[token] = ["id": .string(token), "ids": [.integer(Int(id))], "tokens": [.string(token)]]
      return ["SpecialToken": ["id": .string(token), "type_id": .integer(type)]]
    }
    if addsBOS, let id = vocabulary.bosID {
      single.insert(part(id, type: 0), at: 0)
      pair = [part(id, type: 0), pair[0], part(id, type: 1), pair[1]]
    }
    if vocabulary.addEOS ?? false, let id = vocabulary.eosID {
      single.append(part(id, type: 0))
      pair.insert(part(id, type: 0), at: addsBOS ? 2 : 1)
      pair.append(part(id, type: 1))
    }
    let template: JSONValue = [
      "type": "TemplateProcessing", "single": .array(single), "pair": .array(pair), "special_tokens": .object(special),
    ]
    guard preTokenizer != nil else { return special.isEmpty ? nil : template }
    let bytes = byteLevel(usesPattern: true)
    return special.isEmpty ? bytes : ["type": "Sequence", "processors": [bytes, template]]
  }

  private var decoder: JSONValue {
    guard preTokenizer == nil else { return byteLevel(usesPattern: true) }
    var decoders: [JSONValue] = [
      ["type": "Replace", "pattern": ["String": "\u{2581}"], "content": " "], ["type": "ByteFallback"],
      ["type": "Fuse"],
    ]
    if addsSpace { decoders.append(["type": "Strip", "content": " ", "start": 1, "stop": 0]) }
    return ["type": "Sequence", "decoders": .array(decoders)]
  }

  // MARK: - The other files

  func tekken() -> [UInt8]? { TekkenFile.document(vocabulary, types) }

  func configuration() -> JSONValue {
    var members = specialTokens().object ?? [:]
    members["tokenizer_class"] = "PreTrainedTokenizerFast"
    members["clean_up_tokenization_spaces"] = false
    members["add_bos_token"] = .bool(addsBOS)
    members["add_eos_token"] = .bool(vocabulary.addEOS ?? false)
    var added: [String: JSONValue] = [:]
    for id in types.indices where isAdded(id) {
      added[String(id)] = .object(addedToken(id))
    }
    members["added_tokens_decoder"] = .object(added)
    members["chat_template"] = vocabulary.chatTemplates
    return .object(members)
  }

  func specialTokens() -> JSONValue {
    var members: [String: JSONValue] = [:]
    for (role, id) in [
      ("bos_token", vocabulary.bosID), ("eos_token", vocabulary.eosID), ("unk_token", unknownID),
      ("pad_token", vocabulary.paddingID), ("sep_token", vocabulary.separatorID), ("mask_token", vocabulary.maskID),
    ] {
      if let id { members[role] = .string(vocabulary.tokens[Int(id)]) }
    }
    return .object(members)
  }

  func serialized(_ document: TokenizerDocument) throws(FileError) -> [UInt8] {
    try writing { () throws(JSONError) in try document.serialized() }
  }

  func serialized(_ value: JSONValue) throws(FileError) -> [UInt8] {
    try writing { () throws(JSONError) in try value.serialized() }
  }

  private func writing(_ write: () throws(JSONError) -> [UInt8]) throws(FileError) -> [UInt8] {
    do throws(JSONError) {
      return try write()
    } catch {
      throw FileError(.malformed, path: path, "the tokenizer cannot be written as JSON: \(error)")
    }
  }
}

extension GGUFVocabulary {
  /// Whether an id is a row of the embedding that the folder had no token for.
  func isPadding(_ id: Int) -> Bool {
    tokenTypes.indices.contains(id) && tokenTypes[id] == TokenType.unused.rawValue && tokens[id] == "[PAD\(id)]"
  }

  /// As `chat_template` of `tokenizer_config.json`; nil where there are none.
  var chatTemplates: JSONValue? {
    let chatTemplate = builtInTemplate == nil ? chatTemplate : nil
    if namedTemplates.isEmpty { return chatTemplate.map { .string($0) } }
    let all = (chatTemplate.map { [NamedTemplate(name: "default", template: $0)] } ?? []) + namedTemplates
    return .array(all.map { ["name": .string($0.name), "template": .string($0.template)] })
  }
}
