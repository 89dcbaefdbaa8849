internal import Architectures
public import Bytes
public import Tokenizers

/// Whether models speak of the same tokens.
public enum ModelVocabularies {
  /// - Throws: `FileError` naming the first id that has another text in the two models, or when a tokenizer cannot be
  ///   read. A model without one is not asked; rows of padding are like any other.
  public static func requireSame(_ before: Checkpoint, _ after: Checkpoint) throws(FileError) {
    guard let first = try vocabulary(of: before), let second = try vocabulary(of: after) else { return }
    for id in 0..<max(first.tokens.count, second.tokens.count) {
      let (one, other) = (first.comparableText(of: id), second.comparableText(of: id))
      guard one != other else { continue }
      throw FileError(
        .mismatch, path: after.path,
        "the models have different vocabularies, so that their predictions cannot be compared: id \(id) is "
          + "\(shown(other)) here, and \(shown(one)) in \(before.path)",
        remedy: .nameTokenizer)
    }
  }

  private static func vocabulary(of checkpoint: Checkpoint) throws(FileError) -> GGUFVocabulary? {
    do throws(FileError) {
      return try ModelTokenizer.vocabulary(of: checkpoint)
    } catch {
      throw error.code == .system ? error : error.with(.nameTokenizer)
    }
  }

  /// The same tokens may still be put together in another way: by other merges, scores or cuts.
  /// - Parameters:
  ///   - tokens: what a tokenizer makes of a text in UTF-8.
  ///   - after: a model that is to be given these. One without a tokenizer takes what it is given.
  /// - Throws: `FileError` naming the first token that the other model's tokenizer makes another of.
  public static func requireSame(
    _ tokens: [Int32], of tokenizer: Tokenizer, in after: Checkpoint, reading text: [UInt8]
  ) throws(FileError) {
    guard try vocabulary(of: after) != nil else { return }
    let other: Tokenizer
    do throws(FileError) {
      other = try ModelTokenizer.load(of: after)
    } catch {
      throw error.code == .system ? error : error.with(.nameTokenizer)
    }
    let others = other.encode(utf8: text)
    let first = zip(tokens, others).enumerated().first { $0.element.0 != $0.element.1 }?.offset
    guard let place = first ?? (tokens.count == others.count ? nil : min(tokens.count, others.count)) else { return }
    func shown(_ tokens: [Int32], _ tokenizer: Tokenizer) -> String {
      guard tokens.indices.contains(place) else { return "the end" }
      return "id \(tokens[place]) (\(Self.shown(tokenizer.token(tokens[place]))))"
    }
    throw FileError(
      .mismatch, path: after.path,
      "reads the text as other tokens than the model before, so that their predictions cannot be compared: token \(place) is "
        + "\(shown(others, other)) here, and \(shown(tokens, tokenizer)) there",
      remedy: .nameTokenizer)
  }

  private static func shown(_ token: String?) -> String { token.map { FileError.quoted($0) } ?? "no token" }

  /// - Throws: `FileError` where a text has ids that the model has no rows for.
  public static func requireRows(for tokens: [Int32], of tokenizer: Tokenizer, in checkpoint: Checkpoint)
    throws(FileError)
  {
    guard let rows = checkpoint.model?.vocabularySize, tokenizer.vocabularySize > rows,
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
  package func comparableText(of id: Int) -> String? {
    guard tokens.indices.contains(id) else { return nil }
    let isUnused = tokenTypes.indices.contains(id) && tokenTypes[id] == TokenType.unused.rawValue
    guard !isUnused || tokens[id] != "[PAD\(id)]" else { return nil }
    // A user's token has spaces in a GGUF.
    var text = String.UnicodeScalarView()
    for scalar in tokens[id].unicodeScalars { text.append(scalar == "\u{2581}" ? " " : scalar) }
    return String(text)
  }
}
