internal import Bytes

/// A vocabulary's tokens in order of their ids, and the way back from a text to its id.
struct VocabularyIndex: Sendable {
  let tokens: [String]
  let types: [TokenType]
  private let ids: [TokenText: Int32]

  /// Where a text stands at several ids, the first is its id.
  init(tokens: [String], types: [TokenType]) {
    self.tokens = tokens
    self.types = types
    var ids: [TokenText: Int32] = [:]
    ids.reserveCapacity(tokens.count)
    for (index, token) in tokens.enumerated() where types[index] != .unused {
      let key = TokenText(token)
      if ids[key] == nil { ids[key] = Int32(index) }
    }
    self.ids = ids
  }

  func id(of token: String) -> Int32? { ids[TokenText(token)] }

  /// Resolves merges, `pairs` in order of their rank.
  /// - Throws: `FileError` that names the first merge of which a part or the result is not a token.
  func merges(_ pairs: some Collection<(left: String, right: String)>, path: String, key: String) throws(FileError)
    -> [ResolvedMerge]
  {
    var resolved: [ResolvedMerge] = []
    resolved.reserveCapacity(pairs.count)
    for pair in pairs {
      guard let left = id(of: pair.left), let right = id(of: pair.right), let result = id(of: pair.left + pair.right)
      else {
        let missing = [pair.left, pair.right, pair.left + pair.right].first { id(of: $0) == nil } ?? ""
        throw FileError(
          .malformed, path: path, subject: key,
          "merge \(resolved.count) joins \(shown(pair.left)) and \(shown(pair.right)), but the vocabulary has no token "
            + shown(missing))
      }
      resolved.append(ResolvedMerge(left: left, right: right, result: result))
    }
    return resolved
  }
}

/// A merge as ids of the vocabulary.
struct ResolvedMerge: Sendable {
  var left: Int32
  var right: Int32
  var result: Int32
}

extension MergeTable {
  /// Merges in order of their rank.
  init(ranked merges: [ResolvedMerge]) {
    self.init(minimumCapacity: merges.count)
    for (rank, merge) in merges.enumerated() {
      add(left: merge.left, right: merge.right, Merge(rank: UInt32(rank), result: merge.result))
    }
  }
}

/// A text from a file inside a sentence: quoted, escaped and cut.
func shown(_ text: String, atMost length: Int = 300) -> String {
  let shown = String(String.UnicodeScalarView(text.unicodeScalars.prefix(length))).printable
  return "\"" + shown + (text.unicodeScalars.dropFirst(length).isEmpty ? "" : "…") + "\""
}
