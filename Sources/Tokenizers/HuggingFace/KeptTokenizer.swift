internal import Bytes
internal import JSON

/// What the tokenizer files of a Hugging Face folder say that GGUF's own keys cannot: they go along in the GGUF, and
/// count on the way back as far as its vocabulary still agrees with them.
public struct KeptTokenizer: Hashable, Sendable {
  /// `tokenizer.json` in one line without the vocabulary and merges of its model; nil where there was none.
  public var tokenizer: String?
  /// `tokenizer_config.json` in one line without chat templates, which GGUF has keys for.
  public var configuration: String?
  /// `special_tokens_map.json` in one line.
  public var specialTokens: String?
  /// Ids that stand in the list of added tokens and not in the model's vocabulary.
  public var addedOnly: [Int32]
  /// Two tokens with a space between; only of a SentencePiece vocabulary whose scores imply other merges.
  public var merges: [String]

  public init(
    tokenizer: String? = nil, configuration: String? = nil, specialTokens: String? = nil, addedOnly: [Int32] = [],
    merges: [String] = []
  ) {
    self.tokenizer = tokenizer
    self.configuration = configuration
    self.specialTokens = specialTokens
    self.addedOnly = addedOnly
    self.merges = merges
  }

  /// Longest documents that are kept, all together.
  static let longest = 8 << 20

  /// Whether there is anything to keep.
  public var isEmpty: Bool { self == KeptTokenizer() }

  var isTooLong: Bool {
    [tokenizer, configuration, specialTokens].reduce(0) { $0 + ($1?.utf8.count ?? 0) } > Self.longest
  }

  /// One line of JSON; nil for a document that is not there, or holds a number that cannot be written.
  static func line(_ document: JSONValue) -> String? {
    guard !document.isNull else { return nil }
    return (try? document.serialized(pretty: false)).map { String(decoding: $0, as: UTF8.self) }
  }

  static func document(_ line: String?) -> [String: JSONValue]? {
    line.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?.object
  }
}
