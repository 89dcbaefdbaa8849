internal import Architectures
public import Bytes
public import Tokenizers

/// Whether models speak of the same tokens.
public enum ModelVocabularies {
  /// - Throws: `FileError` naming the first id that has another text in the two models. A model without a tokenizer, or
  ///   with one that is not read here, is not asked; rows of padding are like any other.
  public static func requireSame(_ before: Checkpoint, _ after: Checkpoint) throws(FileError) {
    guard let first = try? ModelTokenizer.vocabulary(of: before),
      let second = try? ModelTokenizer.vocabulary(of: after)
    else { return }
    for id in 0..<max(first.tokens.count, second.tokens.count) {
      let (one, other) = (first.text(of: id), second.text(of: id))
      guard one != other else { continue }
      throw FileError(
        .mismatch, path: after.path,
        "the models have different vocabularies, so that their predictions cannot be compared: id \(id) is "
          + "\(shown(other)) here, and \(shown(one)) in \(before.path)",
        remedy: .nameTokenizer)
    }
  }

  private static func shown(_ token: String?) -> String { token.map { FileError.quoted($0) } ?? "no token" }

  /// - Throws: `FileError` where a text has ids that the model has no rows for.
  public static func requireRows(for tokens: [Int32], of tokenizer: Tokenizer, in checkpoint: Checkpoint)
    throws(FileError)
  {
    guard let rows = checkpoint.model?.configuration.vocabularySize, tokenizer.vocabularySize > rows,
      let id = tokens.first(where: { $0 >= rows })
    else { return }
    throw FileError(
      .mismatch, path: checkpoint.path,
      "the tokenizer has \(tokenizer.vocabularySize) tokens, but the model has \(rows) rows of embedding, and the text uses id "
        + "\(id) (\(shown(tokenizer.token(id)))); it is another model's, or the model was not resized when tokens were added "
        + "(transformers: resize_token_embeddings)",
      remedy: .nameTokenizer)
  }
}

extension GGUFVocabulary {
  /// A token as both containers spell it; nil for a row of padding and beyond the end.
  fileprivate func text(of id: Int) -> String? {
    guard tokens.indices.contains(id) else { return nil }
    let isUnused = tokenTypes.indices.contains(id) && tokenTypes[id] == TokenType.unused.rawValue
    guard !isUnused || tokens[id] != "[PAD\(id)]" else { return nil }
    // A user's token has spaces in a GGUF.
    var text = String.UnicodeScalarView()
    for scalar in tokens[id].unicodeScalars { text.append(scalar == "\u{2581}" ? " " : scalar) }
    return String(text)
  }
}
