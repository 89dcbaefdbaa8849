internal import Bytes
internal import JSON

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Mistral's own tokenizer file, `tekken.json`: the bytes of every token in order of rank, special tokens, and the
/// pattern that cuts text. The rules are HF-70 to HF-76 of `Formats/HuggingFace/SPEC.md`; mistral-common is what they
/// follow.
struct TekkenFile {
  static let name = "tekken.json"

  /// Whether a file of that name is one, also one that is called for its date, as mistral-common takes it.
  static func isNamed(_ name: String) -> Bool { name.contains("tekken") && name.hasSuffix(".json") }

  /// How text is cut before merging.
  let preTokenizer: PreTokenizer
  /// Number of the version, which decides how a chat is written; nil where the file has none.
  let version: Int?
  /// Texts of the tokens that begin the vocabulary; their places are their ids.
  let specialTokens: [String]
  /// Bytes of the tokens that follow, in order of rank.
  let tokens: ByteStrings
  /// The document with an empty `vocab`.
  let settings: String

  private static let longestToken = 1024
  private static let mostSpecialTokens = 1 << 16
  private static let mostTokens = 1 << 24

  init(_ bytes: [UInt8], path: String) throws(FileError) {
    var parts = Parts()
    do throws(JSONError) {
      try parts.read(bytes)
    } catch {
      throw FileError(error, path: path, subject: parts.subject)
    }
    guard let configuration = parts.configuration.object else {
      throw FileError(.missing, path: path, subject: "config", "the tokenizer has no config")
    }
    func number(_ key: String) throws(FileError) -> Int? {
      guard let value = configuration[key], !value.isNull else { return nil }
      guard let number = value.int, number >= 0 else {
        throw FileError(.malformed, path: path, subject: "config.\(key)", "is not a whole number of 0 or more")
      }
      return number
    }
    preTokenizer = try Self.preTokenizer(configuration["pattern"]?.string, path: path)
    version = configuration["version"]?.string.flatMap { $0.hasPrefix("v") ? Int($0.dropFirst()) : nil }

    let special = try Self.specialTokens(
      parts.specialTokens, version: version, count: try number("default_num_special_tokens"), path: path)
    specialTokens = special
    let stated = try number("default_vocab_size")
    let most = special.count + parts.tokens.count
    guard let size = stated ?? most as Int?, size <= most, size - special.count >= 256 else {
      throw FileError(
        .mismatch, path: path, subject: "config.default_vocab_size",
        "is \(stated ?? most), but there are \(special.count) special tokens and \(parts.tokens.count) others, of which "
          + "at least the 256 single bytes are needed")
    }
    guard size <= Self.mostTokens else {
      throw FileError(
        .unsupported, path: path, subject: "config.default_vocab_size",
        "the vocabulary has \(size) tokens; at most \(Self.mostTokens) are supported")
    }
    parts.tokens.cut(to: size - special.count)
    for byte in 0..<256 where !parts.tokens[byte].elementsEqual([UInt8(byte)]) {
      throw FileError(
        .malformed, path: path, subject: "vocab[\(byte)]",
        "the first 256 tokens are the single bytes in order, but this is not the byte \(byte)")
    }
    tokens = parts.tokens
    settings = String(
      decoding: bytes[..<parts.place.lowerBound] + "[]".utf8 + bytes[parts.place.upperBound...], as: UTF8.self)
  }

  // MARK: - The document

  private struct Parts {
    struct SpecialToken {
      var rank: Int
      var text: String
    }

    var configuration: JSONValue = .null
    var specialTokens: [SpecialToken]?
    var tokens = ByteStrings()
    /// Where in the document the list of tokens stands.
    var place = 0..<0
    /// What is being read, for errors.
    var subject: String?

    mutating func read(_ bytes: [UInt8]) throws(JSONError) {
      var reader = JSONReader(bytes)
      try reader.beginObject()
      while let key = try reader.nextKey() {
        subject = key
        switch key {
        case "config": configuration = try JSONValue(&reader)
        case "special_tokens": try readSpecialTokens(&reader)
        case "vocab":
          let start = reader.offset
          try readTokens(&reader)
          place = start..<reader.offset
        default: try reader.skipValue()
        }
      }
      subject = nil
      try reader.finish()
      subject = "vocab"
      if tokens.count == 0 { throw JSONError("the tokenizer has no vocabulary", offset: 0) }
      subject = nil
    }

    private mutating func readSpecialTokens(_ reader: inout JSONReader) throws(JSONError) {
      specialTokens = nil
      if try reader.peek() == .null { return try reader.readNull() }
      var read: [SpecialToken] = []
      try reader.beginArray()
      while try reader.nextElement() {
        subject = "special_tokens[\(read.count)]"
        let start = reader.offset
        let (rank, text) = try Self.readEntry(&reader, text: "token_str")
        guard let rank, let text else { throw JSONError("needs a rank and a token_str", offset: start) }
        read.append(SpecialToken(rank: rank, text: text))
      }
      specialTokens = read
    }

    /// A rank, and the string under that name; nil for what is not there.
    private static func readEntry(
      _ reader: inout JSONReader, text name: String
    ) throws(JSONError) -> (rank: Int?, text: String?) {
      var rank: Int?
      var text: String?
      try reader.beginObject()
      while let key = try reader.nextKey() {
        switch key {
        case "rank": rank = try reader.readInteger()
        case name: text = try reader.readString()
        default: try reader.skipValue()
        }
      }
      return (rank, text)
    }

    private mutating func readTokens(_ reader: inout JSONReader) throws(JSONError) {
      tokens = ByteStrings()
      try reader.beginArray()
      while try reader.nextElement() {
        let start = reader.offset
        // Beside the bytes stands what they look like as text; they alone count.
        let (rank, text) = try Self.readEntry(&reader, text: "token_bytes")
        func refusal(_ message: String) -> JSONError {
          subject = "vocab[\(tokens.count)]"
          return JSONError(message, offset: start)
        }
        guard let rank, let text else { throw refusal("needs a rank and token_bytes") }
        guard rank == tokens.count else {
          throw refusal("has the rank \(rank); ranks count from 0 without a gap")
        }
        // Three bytes for every four characters.
        guard text.utf8.count <= TekkenFile.longestToken / 3 * 4 + 4 else {
          throw refusal("has more than \(TekkenFile.longestToken) bytes, which is not supported")
        }
        guard !text.isEmpty else { throw refusal("has no bytes") }
        guard let bytes = Data(base64Encoded: text) else {
          throw refusal("token_bytes \(shown(text)) is not base 64")
        }
        tokens.append(bytes)
      }
    }
  }

  // MARK: - What it means

  /// The pattern decides the ids, so only those are taken whose cuts are known here; and of these, those that GGUF
  /// has a name for with the same handling of whole tokens.
  private static func preTokenizer(_ pattern: String?, path: String) throws(FileError) -> PreTokenizer {
    guard let pattern else {
      throw FileError(.missing, path: path, subject: "config.pattern", "there is no pattern to cut text with")
    }
    let usable = PreTokenizer.all.filter { $0.isUsual && $0.ignoresMerges && !$0.composes && $0.steps.count == 1 }
    guard let known = usable.first(where: { $0.steps[0].expressions.contains(pattern) }) else {
      let names = usable.map { $0.steps[0].name }.joined(separator: ", ")
      throw FileError(
        .unsupported, path: path, subject: "config.pattern",
        "how \(shown(pattern)) cuts text is not known here; the patterns of these are: \(names)")
    }
    return known
  }

  /// Stated tokens and, up to `count`, fillers.
  private static func specialTokens(_ stated: [Parts.SpecialToken]?, version: Int?, count: Int?, path: String)
    throws(FileError) -> [String]
  {
    var texts = namelessVersions
    if let stated {
      // They stand in any order.
      let sorted = stated.sorted { $0.rank < $1.rank }
      for (place, token) in sorted.enumerated() where token.rank != place {
        throw FileError(
          .malformed, path: path, subject: "special_tokens",
          "ranks of special tokens count from 0 without a gap, but after \(place) of them comes rank \(token.rank)")
      }
      texts = sorted.map(\.text)
    } else if version ?? .max > 7 {
      throw FileError(
        .missing, path: path, subject: "special_tokens",
        "a tokenizer later than version v7 has to list its special tokens, and this one has none")
    }
    let count = count ?? texts.count
    guard count >= texts.count, count <= mostSpecialTokens else {
      throw FileError(
        .mismatch, path: path, subject: "config.default_num_special_tokens",
        "is \(count), but there are \(texts.count) special tokens, and at most \(mostSpecialTokens) are supported")
    }
    for id in texts.count..<count { texts.append("<SPECIAL_\(id)>") }
    var seen: [TokenText: Int] = [:]
    for (id, text) in texts.enumerated() {
      guard !text.isEmpty, text.utf8.count <= AddedTokenMatcher.longest else {
        throw FileError(
          .malformed, path: path, subject: "special_tokens",
          "special token \(id) has \(text.utf8.count) bytes; from 1 to \(AddedTokenMatcher.longest) are supported")
      }
      if let other = seen.updateValue(id, forKey: TokenText(text)) {
        throw FileError(
          .malformed, path: path, subject: "special_tokens", "tokens \(other) and \(id) are both \(shown(text))")
      }
    }
    return texts
  }

  /// The special tokens of files up to version v7, which do not list them (`DEPRECATED_SPECIAL_TOKENS` of
  /// mistral-common).
  private static let namelessVersions = [
    "<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>", "[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]",
    "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_CONTENT]",
  ]
}
