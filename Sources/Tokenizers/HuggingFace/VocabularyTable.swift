internal import Bytes

/// Collects tokens at their ids, which files state in any order and with gaps.
struct VocabularyTable {
  private let path: String
  private var entries: [(token: String, type: TokenType)?] = []
  private let limit: Int

  /// - Parameter count: how many tokens the files state. Ids far beyond it are refused before memory is taken for them.
  init(count: Int, vocabularySize: Int?, path: String) {
    self.path = path
    limit = min(vocabularySize ?? .max, 4 * min(count, 1 << 26) + 65_536)
  }

  /// Ids from the first to the last.
  var count: Int { entries.count }

  subscript(id: Int) -> (token: String, type: TokenType)? { entries.indices.contains(id) ? entries[id] : nil }

  /// Puts a token at an id. The same token may come again and then changes its type.
  mutating func set(_ id: Int, _ token: String, _ type: TokenType, subject: String) throws(FileError) {
    guard id >= 0, id < limit else {
      throw FileError(
        .malformed, path: path, subject: subject, "token \(shown(token)) has the id \(id); ids here are below \(limit)")
    }
    while entries.count <= id { entries.append(nil) }
    if let other = entries[id], !other.token.utf8.elementsEqual(token.utf8) {
      throw FileError(
        .malformed, path: path, subject: subject,
        "tokens \(shown(other.token)) and \(shown(token)) have the same id \(id)")
    }
    entries[id] = (token, type)
  }

  mutating func setType(_ id: Int, _ type: TokenType) {
    if let entry = self[id] { entries[id] = (entry.token, type) }
  }

  /// All tokens up to `vocabularySize`, gaps filled with `[PADn]` of type unused.
  /// - Throws: `FileError` when there are more tokens than rows of the embedding, or far fewer.
  func filled(to vocabularySize: Int?) throws(FileError) -> (tokens: [String], types: [TokenType]) {
    guard !entries.isEmpty else { throw FileError(.missing, path: path, "the vocabulary has no tokens") }
    if let vocabularySize, entries.count > vocabularySize {
      throw FileError(
        .mismatch, path: path,
        "the vocabulary has ids up to \(entries.count - 1), but the embedding has \(vocabularySize) rows")
    }
    if let vocabularySize, vocabularySize - entries.count > GGUFVocabulary.mostPadding {
      throw FileError(
        .unsupported, path: path,
        "the embedding has \(vocabularySize) rows and the vocabulary ids up to \(entries.count - 1); at most "
          + "\(GGUFVocabulary.mostPadding) rows without a token are supported")
    }
    var tokens: [String] = []
    var types: [TokenType] = []
    for id in 0..<max(entries.count, vocabularySize ?? 0) {
      let entry = self[id] ?? ("[PAD\(id)]", .unused)
      tokens.append(entry.token)
      types.append(entry.type)
    }
    return (tokens, types)
  }
}
