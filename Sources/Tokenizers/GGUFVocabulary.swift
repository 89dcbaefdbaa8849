public import Bytes

/// The vocabulary inside a GGUF file, as its `tokenizer.*` keys hold it. A member that is nil has no key.
///
/// It is a plain value, so that whoever reads and writes GGUF metadata needs to know nothing of tokenizers.
public struct GGUFVocabulary: Hashable, Sendable {
  /// A chat template under a name of its own (`tokenizer.chat_template.NAME`).
  public struct NamedTemplate: Hashable, Sendable {
    public var name: String
    public var template: String

    public init(name: String, template: String) {
      self.name = name
      self.template = template
    }
  }

  /// `tokenizer.ggml.model`: `llama` for SentencePiece's byte-pair encoding, `gpt2` for the byte-level one.
  public var model: String
  /// `tokenizer.ggml.pre`: how a byte-level vocabulary cuts text into words.
  public var pre: String?
  /// `tokenizer.ggml.tokens`, in order of their ids.
  public var tokens: [String]
  /// `tokenizer.ggml.scores`; of a `llama` vocabulary only.
  public var scores: [Float]?
  /// `tokenizer.ggml.token_type`, numbers of `TokenType`. Empty: all tokens are normal.
  public var tokenTypes: [Int32]
  /// `tokenizer.ggml.merges`, two tokens with a space between; of a `gpt2` vocabulary only.
  public var merges: [String]

  /// `tokenizer.ggml.bos_token_id`
  public var bosID: Int32?
  /// `tokenizer.ggml.eos_token_id`
  public var eosID: Int32?
  /// `tokenizer.ggml.eot_token_id`: the end of a turn in a chat.
  public var eotID: Int32?
  /// `tokenizer.ggml.eom_token_id`: the end of a message that waits for a tool.
  public var eomID: Int32?
  /// `tokenizer.ggml.unknown_token_id`
  public var unknownID: Int32?
  /// `tokenizer.ggml.padding_token_id`
  public var paddingID: Int32?
  /// `tokenizer.ggml.seperator_token_id`, which is spelled so in files.
  public var separatorID: Int32?
  /// `tokenizer.ggml.mask_token_id`
  public var maskID: Int32?
  /// Every token that ends a text or a turn, when the three above do not tell all. There is no standard key for it.
  public var endIDs: [Int32]

  /// `tokenizer.ggml.add_bos_token`
  public var addBOS: Bool?
  /// `tokenizer.ggml.add_eos_token`
  public var addEOS: Bool?
  /// `tokenizer.ggml.add_space_prefix`
  public var addSpacePrefix: Bool?
  /// `tokenizer.ggml.remove_extra_whitespaces`
  public var removeExtraWhitespaces: Bool?

  /// `decant.tekken`: a `tekken.json` whose `vocab` is empty, since its tokens are here.
  public var tekken: String?

  /// `tokenizer.chat_template`
  public var chatTemplate: String?
  /// `tokenizer.chat_template.NAME`, in order of `tokenizer.chat_templates`.
  public var namedTemplates: [NamedTemplate]

  public init(
    model: String, pre: String? = nil, tokens: [String], scores: [Float]? = nil, tokenTypes: [Int32] = [],
    merges: [String] = [], bosID: Int32? = nil, eosID: Int32? = nil, eotID: Int32? = nil, eomID: Int32? = nil,
    unknownID: Int32? = nil, paddingID: Int32? = nil, separatorID: Int32? = nil, maskID: Int32? = nil,
    endIDs: [Int32] = [], addBOS: Bool? = nil, addEOS: Bool? = nil, addSpacePrefix: Bool? = nil,
    removeExtraWhitespaces: Bool? = nil, tekken: String? = nil, chatTemplate: String? = nil,
    namedTemplates: [NamedTemplate] = []
  ) {
    self.model = model
    self.pre = pre
    self.tokens = tokens
    self.scores = scores
    self.tokenTypes = tokenTypes
    self.merges = merges
    self.bosID = bosID
    self.eosID = eosID
    self.eotID = eotID
    self.eomID = eomID
    self.unknownID = unknownID
    self.paddingID = paddingID
    self.separatorID = separatorID
    self.maskID = maskID
    self.endIDs = endIDs
    self.addBOS = addBOS
    self.addEOS = addEOS
    self.addSpacePrefix = addSpacePrefix
    self.removeExtraWhitespaces = removeExtraWhitespaces
    self.tekken = tekken
    self.chatTemplate = chatTemplate
    self.namedTemplates = namedTemplates
  }

  /// Most rows without a token: models have some thousands, and each takes the memory of a token.
  package static let mostPadding = 1 << 20

  /// Adds tokens without a meaning up to a number of rows.
  package mutating func pad(to count: Int) {
    guard tokens.count < count else { return }
    let added = tokens.count..<count
    if !tokenTypes.isEmpty { tokenTypes += added.map { _ in TokenType.unused.rawValue } }
    scores? += added.map { _ in -1000 }
    tokens += added.map { "[PAD\($0)]" }
  }

  /// Takes another name for how text is cut into words, if it stands for the same cut.
  public mutating func take(preTokenizerName name: String) {
    if model == "gpt2", let pre, PreTokenizer.isSame(pre, name) { self.pre = name }
  }

  /// Takes a name for how text is cut into words in place of the file's own.
  /// - Throws: `FileError` when the name is not known here, or the vocabulary is not one over bytes.
  public mutating func cut(as name: String, path: String) throws(FileError) {
    _ = try PreTokenizer.required(name, path: path)
    guard model == "gpt2" else {
      throw FileError(
        .unsupported, path: path, subject: "tokenizer.ggml.model",
        "the vocabulary is a \(shown(model)), whose text is not cut into words under a name; \(shown(name)) is one for gpt2"
      )
    }
    pre = name
  }

  /// A token id as a file stores it. Old files write 4294967295 for "none".
  public static func id(_ stored: UInt64) -> Int32? { Int32(exactly: stored) }

  /// Every token that ends a text or a turn, the principal one first.
  public var allEndIDs: [Int32] {
    var seen: Set<Int32> = []
    return ([eosID, eotID, eomID].compactMap(\.self) + endIDs).filter { seen.insert($0).inserted }
  }
}
