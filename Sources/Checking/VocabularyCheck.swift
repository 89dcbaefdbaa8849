internal import Bytes
internal import Conversion
internal import Tokenizers

/// What is wrong with a vocabulary by itself, and with the model that it belongs to.
struct VocabularyCheck {
  let vocabulary: GGUFVocabulary
  /// Rows of the embedding; nil where they are not known.
  let rows: Int?
  /// Whether it is that of a GGUF, which has a token for every row.
  let isGGUF: Bool

  func add(to findings: inout Findings) {
    let count = vocabulary.tokens.count
    guard count > 0 else { return findings.add(.error, .tokenizer, "the vocabulary has no tokens") }
    addLengths(count, &findings)
    addIDs(count, &findings)
    addDuplicates(&findings)
    if vocabulary.model == "gpt2" {
      if let pre = vocabulary.pre {
        if !PreTokenizer.knownNames.contains(pre) {
          findings.add(
            .warning, .tokenizer,
            "tokenizer.ggml.pre is \(FileError.quoted(pre)), a way to cut text that is not known here")
        }
      } else if isGGUF {
        findings.add(
          .warning, .tokenizer,
          "tokenizer.ggml.pre is missing: llama.cpp then cuts text in its default way, which is wrong for most models")
      }
    }
  }

  private func addLengths(_ count: Int, _ findings: inout Findings) {
    if let scores = vocabulary.scores {
      if scores.count != count {
        findings.add(.error, .tokenizer, "there are \(scores.count) scores for \(count) tokens")
      }
      if let id = scores.firstIndex(where: { !$0.isFinite }) {
        findings.add(.error, .tokenizer, "the score of token \(id) is NaN or infinite")
      }
    } else if isGGUF, vocabulary.model == "llama" {
      findings.add(
        .error, .tokenizer, "tokenizer.ggml.scores is missing, by which a \"llama\" vocabulary is put together")
    }
    if !vocabulary.tokenTypes.isEmpty {
      if vocabulary.tokenTypes.count != count {
        findings.add(.error, .tokenizer, "there are \(vocabulary.tokenTypes.count) token types for \(count) tokens")
      }
      let unknown = vocabulary.tokenTypes.indices.filter { TokenType(rawValue: vocabulary.tokenTypes[$0]) == nil }
      if let id = unknown.first {
        findings.add(
          .warning, .tokenizer,
          "\(unknown.count) tokens, such as \(id), have a type that means nothing, such as \(vocabulary.tokenTypes[id])"
        )
      }
    }
    guard let rows, rows != count else { return }
    if rows < count {
      findings.add(
        .error, .tokenizer, "the vocabulary has \(count) tokens, but the model has \(rows) rows of embedding")
    } else if isGGUF {
      findings.add(
        .error, .tokenizer,
        "the model has \(rows) rows of embedding, but the vocabulary \(count) tokens; llama.cpp refuses that")
    }
  }

  private func addIDs(_ count: Int, _ findings: inout Findings) {
    let roles: [(String, Int32?)] = [
      ("the beginning of a text", vocabulary.bosID), ("the end of a text", vocabulary.eosID),
      ("the end of a turn", vocabulary.eotID), ("the end of a message", vocabulary.eomID),
      ("what is unknown", vocabulary.unknownID), ("padding", vocabulary.paddingID),
      ("a separator", vocabulary.separatorID), ("a mask", vocabulary.maskID),
    ]
    for (role, id) in roles {
      guard let id else { continue }
      if id < 0 || Int(id) >= count {
        findings.add(.error, .tokenizer, "the id for \(role) is \(id), but the vocabulary has \(count) tokens")
      }
    }
    for id in vocabulary.endIDs where id < 0 || Int(id) >= count {
      findings.add(.error, .tokenizer, "an id that ends a text is \(id), but the vocabulary has \(count) tokens")
    }
    guard let end = vocabulary.eosID else {
      return findings.add(.warning, .tokenizer, "no token ends a text (eos), so that nothing stops the model")
    }
    if vocabulary.tokenTypes.indices.contains(Int(end)),
      vocabulary.tokenTypes[Int(end)] == TokenType.normal.rawValue
    {
      findings.add(
        .warning, .tokenizer,
        "the token that ends a text, \(FileError.quoted(vocabulary.tokens[Int(end)])), is marked as a piece of text and not as "
          + "a control token: it can be made from plain text, and is printed")
    }
  }

  private func addDuplicates(_ findings: inout Findings) {
    var seen: [[UInt8]: Int] = [:]
    var repeated: [(id: Int, first: Int)] = []
    for (id, token) in vocabulary.tokens.enumerated() {
      let isUnused =
        vocabulary.tokenTypes.indices.contains(id) && vocabulary.tokenTypes[id] == TokenType.unused.rawValue
      guard !isUnused else { continue }
      let bytes = Array(token.utf8)
      if let first = seen[bytes] { repeated.append((id, first)) } else { seen[bytes] = id }
    }
    guard let one = repeated.first else { return }
    findings.add(
      .warning, .tokenizer,
      "\(repeated.count) tokens have the text of another, such as \(one.id) that of \(one.first), "
        + FileError.quoted(vocabulary.tokens[one.id]))
  }
}
