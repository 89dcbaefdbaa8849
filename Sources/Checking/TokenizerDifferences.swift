internal import Conversion
internal import Tensors
package import Tokenizers

/// What differs between two vocabularies, whatever files they come from.
package struct TokenizerDifferences {
  /// Tokens, what they are for, how they are put together.
  package private(set) var vocabulary: [KeyDifference] = []
  /// Tokens with a role, and what is put around a text.
  package private(set) var roles: [KeyDifference] = []
  package private(set) var templates: [KeyDifference] = []

  package var all: [KeyDifference] { vocabulary + roles + templates }

  /// Most tokens that are named one by one.
  private static let mostTokens = 20

  package init(_ before: GGUFVocabulary, _ after: GGUFVocabulary) {
    compareTokens(before, after)
    compareMerges(before, after)
    compareRoles(before, after)
    add(\.templates, "chat_template", before.chatTemplate, after.chatTemplate)
    let (one, other) = (Self.named(before), Self.named(after))
    for name in Set(one.keys).union(other.keys).sorted() {
      add(\.templates, "chat_template.\(name)", one[name], other[name])
    }
  }

  private static func named(_ vocabulary: GGUFVocabulary) -> [String: String] {
    Dictionary(vocabulary.namedTemplates.map { ($0.name, $0.template) }, uniquingKeysWith: { _, last in last })
  }

  private mutating func add(
    _ list: WritableKeyPath<Self, [KeyDifference]>, _ key: String, _ before: MetadataValue?, _ after: MetadataValue?
  ) {
    guard before != after else { return }
    self[keyPath: list].append(KeyDifference(place: "tokenizer", key: key, before: before, after: after))
  }

  private mutating func add(
    _ list: WritableKeyPath<Self, [KeyDifference]>, _ key: String, _ before: String?, _ after: String?
  ) {
    guard before.map({ Array($0.utf8) }) != after.map({ Array($0.utf8) }) else { return }
    self[keyPath: list].append(
      KeyDifference(
        place: "tokenizer", key: key, before: before.map(MetadataValue.string), after: after.map(MetadataValue.string)))
  }

  private mutating func compareTokens(_ before: GGUFVocabulary, _ after: GGUFVocabulary) {
    var (tokens, types, scores) = ([Int](), [Int](), [Int]())
    for id in 0..<max(before.tokens.count, after.tokens.count) {
      let (one, other) = (before.comparableText(of: id), after.comparableText(of: id))
      if one.map({ Array($0.utf8) }) != other.map({ Array($0.utf8) }) { tokens.append(id) }
      guard one != nil, other != nil else { continue }
      if before.type(of: id) != after.type(of: id) { types.append(id) }
      if let one = before.score(of: id), let other = after.score(of: id), one != other { scores.append(id) }
    }
    for (name, ids) in [("tokens", tokens), ("token_types", types), ("scores", scores)] where !ids.isEmpty {
      vocabulary.append(
        KeyDifference(
          place: "tokenizer", key: "\(name) that differ", before: nil, after: .int64(Int64(ids.count))))
    }
    for id in tokens.prefix(Self.mostTokens) {
      add(\.vocabulary, "tokens[\(id)]", before.comparableText(of: id), after.comparableText(of: id))
    }
    for id in types.prefix(Self.mostTokens) {
      add(\.vocabulary, "token_types[\(id)]", "\(before.type(of: id))", "\(after.type(of: id))")
    }
    for id in scores.prefix(Self.mostTokens) {
      add(
        \.vocabulary, "scores[\(id)]", before.score(of: id).map(MetadataValue.float32),
        after.score(of: id).map(MetadataValue.float32))
    }
  }

  private mutating func compareMerges(_ before: GGUFVocabulary, _ after: GGUFVocabulary) {
    add(\.vocabulary, "model", before.model, after.model)
    if !PreTokenizer.isSame(before.pre ?? "default", after.pre ?? "default") {
      add(\.vocabulary, "pre", before.pre, after.pre)
    }
    add(
      \.vocabulary, "merges", .int64(Int64(before.merges.count)) as MetadataValue?, .int64(Int64(after.merges.count)))
    let first = zip(before.merges, after.merges).enumerated().first {
      !$0.element.0.utf8.elementsEqual($0.element.1.utf8)
    }
    if let first { add(\.vocabulary, "merges[\(first.offset)]", first.element.0, first.element.1) }
  }

  private mutating func compareRoles(_ before: GGUFVocabulary, _ after: GGUFVocabulary) {
    for (key, path) in Self.ids {
      add(
        \.roles, key, before[keyPath: path].map { .int32($0) } as MetadataValue?,
        after[keyPath: path].map { .int32($0) })
    }
    add(
      \.roles, "end_token_ids", .int32s(before.allEndIDs.sorted()) as MetadataValue?,
      .int32s(after.allEndIDs.sorted()))
    for (key, path) in Self.flags {
      add(
        \.roles, key, before[keyPath: path].map(MetadataValue.bool), after[keyPath: path].map(MetadataValue.bool))
    }
  }

  private static var ids: [(String, KeyPath<GGUFVocabulary, Int32?>)] {
    [
      ("bos_token_id", \.bosID), ("eos_token_id", \.eosID), ("unknown_token_id", \.unknownID),
      ("padding_token_id", \.paddingID), ("separator_token_id", \.separatorID), ("mask_token_id", \.maskID),
    ]
  }

  private static var flags: [(String, KeyPath<GGUFVocabulary, Bool?>)] {
    [("add_bos_token", \.addBOS), ("add_eos_token", \.addEOS), ("add_space_prefix", \.addSpacePrefix)]
  }
}

extension GGUFVocabulary {
  /// What a token is for; normal where nothing is said.
  fileprivate func type(of id: Int) -> Int32 {
    tokenTypes.indices.contains(id) ? tokenTypes[id] : TokenType.normal.rawValue
  }

  fileprivate func score(of id: Int) -> Float? { scores.flatMap { $0.indices.contains(id) ? $0[id] : nil } }
}
