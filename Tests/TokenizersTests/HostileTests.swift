import Bytes
import TestSupport
import Testing

@testable import Tokenizers

/// Files that are wrong give an error that says where, and never more than that.
@Suite struct HostileTests {
  static func document(
    vocabulary: String = #"{"a": 0, "b": 1, "ab": 2}"#, merges: String = #"["a b"]"#, added: String = "[]",
    preTokenizer: String = #"{"type": "ByteLevel", "use_regex": true}"#, more: String = "", model: String = ""
  ) -> String {
    """
    {"added_tokens": \(added), "pre_tokenizer": \(preTokenizer), \(more)
     "model": {"type": "BPE", \(model) "merges": \(merges), "vocab": \(vocabulary)}}
    """
  }

  /// A template of parts that are one list of tokens.
  static func template(parts: Int, tokens: Int, token: String = #""a""#) -> String {
    func list(_ element: String, _ count: Int) -> String {
      "[" + Array(repeating: element, count: count).joined(separator: ", ") + "]"
    }
    return """
      "post_processor": {"type": "TemplateProcessing", "single": \(list(#"{"SpecialToken": {"id": "t"}}"#, parts)),
       "special_tokens": {"t": {"id": "t", "tokens": \(list(token, tokens))}}},
      """
  }

  /// A `tokenizer.json`, and a part of what is said about it.
  static let documents: [(json: String, message: String)] = [
    ("", "is empty; was it downloaded whole?"),
    ("[]", "is a JSON object"),
    ("{", "but the document ends"),
    (#"{"model": {"type": "BPE", "vocab": {"a"#, "ends inside a string"),
    (#"{"model": {"type": "BPE", "vocab": {"a\"#, "ends inside a string"),
    (#"{"version": "1.0"}"#, "has no model"),
    (#"{"model": {"type": "Unigram", "vocab": [["a", 0.0]]}}"#, #""Unigram"; BPE is supported"#),
    (#"{"model": {"type": "WordPiece", "vocab": {}}}"#, #""WordPiece"; BPE is supported"#),
    (String(repeating: "[", count: 1_000_000), "is a JSON object"),
    (
      document(more: #""padding": \#(String(repeating: "[", count: 1_000_000)),"#),
      "more than 128 arrays and objects are nested"
    ),
    (
      document(more: #""normalizer": \#(String(repeating: #"{"a":"#, count: 1_000_000)),"#),
      "more than 128 arrays and objects are nested"
    ),
    (document(merges: #"["a c"]"#), #"no token "c""#),
    (document(merges: #"["b a"]"#), #"no token "ba""#),
    (document(merges: #"["ab"]"#), "two tokens with a space between"),
    (document(merges: #"[["a"]]"#), "joins two tokens, not 1"),
    (document(merges: #"[["a", 1]]"#), "a string is wanted"),
    (document(vocabulary: #"{"a": 0, "b": 0, "ab": 2}"#), "have the same id 0"),
    (document(vocabulary: #"{"a": 0, "b": -1, "ab": 2}"#), "has the id -1"),
    (document(vocabulary: #"{"a": 0, "b": 2147483647, "ab": 2}"#), "has the id 2147483647"),
    (document(vocabulary: #"{"a": 0, "b": 99999999999999999999, "ab": 2}"#), "a whole number of at most 63 bits"),
    (document(vocabulary: #"{"a": 0, "b": 1.5, "ab": 2}"#), "a whole number of at most 63 bits"),
    (document(vocabulary: #"{"\ud800": 0, "b": 1, "ab": 2}"#), "half a surrogate pair"),
    (document(vocabulary: "{}", merges: "[]"), "has no tokens"),
    (document(added: #"[{"content": "x"}]"#), "has no id"),
    (document(added: #"[{"id": 5}]"#), "has no content"),
    (document(added: #"[{"id": -5, "content": "x"}]"#), "is not a token id"),
    (document(added: #"[{"id": 4294967296, "content": "x"}]"#), "is not a token id"),
    (document(added: #"[{"id": 1, "content": "x"}]"#), "have the same id 1"),
    (document(added: #"[{"id": 5, "content": "\#(String(repeating: "x", count: 2000))"}]"#), "has 2000 bytes"),
    (document(preTokenizer: "null"), "those two are supported"),
    (document(preTokenizer: #"{"type": "Whitespace"}"#), #""Whitespace" is not known here"#),
    (
      document(preTokenizer: #"{"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Isolated"}"#),
      #"how the expression "\w+" cuts text is not known here"#
    ),
    (document(more: #""normalizer": {"type": "Lowercase"},"#), #""Lowercase" is not known here"#),
    (document(more: #""post_processor": {"type": "BertProcessing"},"#), #""BertProcessing" is not known here"#),
    (
      document(
        more: #""post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}]},"#),
      #""<s>" is not in the vocabulary"#
    ),
    // Each part of a template may name the same list.
    (document(more: template(parts: 40, tokens: 40)), "more than 1024 tokens around a text"),
    (document(more: template(parts: 1025, tokens: 1)), "more than 1024 tokens around a text"),
    (document(more: template(parts: 2, tokens: 2, token: "1")), #"a token of "t" in the template is no string"#),
    (document(model: #""unk_token": "<unk>","#), #""<unk>" is not in the vocabulary"#),
    (document(model: #""end_of_word_suffix": "</w>","#), #""</w>" is not supported"#),
  ]

  @Test(arguments: documents.indices) func documentsAreRefused(_ index: Int) throws {
    let (json, message) = Self.documents[index]
    let folder = try TemporaryFolder()
    try folder.write(json.utf8, to: "tokenizer.json")
    let error = #expect(throws: FileError.self) { try TokenizerFolder.load(folder.path) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    #expect(error?.path == folder.file("tokenizer.json"))
  }

  @Test func aTemplateOfAThousandTokensIsRead() throws {
    let json = Self.document(more: Self.template(parts: 32, tokens: 32))
    let tokenizer = try TokenizerFolder.load(["tokenizer.json": Array(json.utf8)]).tokenizer
    #expect(tokenizer.prefixIDs == [Int32](repeating: 0, count: 1024))
  }

  @Test func theSmallestDocumentIsRead() throws {
    let folder = try TemporaryFolder()
    try folder.write(Self.document().utf8, to: "tokenizer.json")
    #expect(try TokenizerFolder.load(folder.path).tokenizer.encode("abcab") == [2, 2])
  }

  /// Every prefix of a document is an error, not a trap.
  @Test func cutDocumentsAreRefused() throws {
    let bytes = Array(Self.document(vocabulary: #"{"\u00e9\ud83d\ude00": 0, "b": 1, "ab": 2, "a": 3}"#).utf8)
    for count in 0..<bytes.count - 1 {
      #expect(throws: FileError.self) { try TokenizerJSON(Array(bytes[..<count]), path: "cut") }
    }
    #expect(throws: Never.self) { try TokenizerJSON(bytes, path: "whole") }
  }

  /// A vocabulary with one thing wrong, and a part of what is said about it.
  static let vocabularies: [(change: @Sendable (inout GGUFVocabulary) -> Void, message: String)] = [
    ({ $0.model = "t5" }, "a Unigram model"),
    ({ $0.model = "rwkv" }, #""rwkv"; these can be run: llama, gpt2"#),
    ({ $0.pre = "poro" }, #""poro" cuts text into words is not known"#),
    ({ $0.tokens = [] }, "has no tokens"),
    ({ $0.tokenTypes = [1] }, "1 types for"),
    ({ $0.scores = [1] }, "1 scores for"),
    ({ $0.bosID = 100_000 }, "bos_token_id"),
    ({ $0.eosID = -1 }, "eos_token_id"),
    ({ $0.endIDs = [.max] }, "end ids"),
    ({ $0.merges = ["a"] }, "is not two tokens"),
    ({ $0.merges = [" "] }, "is not two tokens"),
    ({ $0.merges = [""] }, "is not two tokens"),
    ({ $0.merges = ["a x"] }, "no token"),
    ({ $0.model = "llama" }, "needs a score for every token"),
    (
      {
        $0.model = "llama"; $0.scores = $0.tokens.map { _ in 0 }; $0.tokenTypes[5] = 6
      }, "not of the form <0xHH>"
    ),
  ]

  @Test(arguments: vocabularies.indices) func vocabulariesAreRefused(_ index: Int) {
    var vocabulary = ByteLevelTests.vocabulary(merges: ["a b"])
    Self.vocabularies[index].change(&vocabulary)
    let error = #expect(throws: FileError.self) { try Tokenizer(vocabulary, path: "bad.gguf") }
    #expect(error?.description.contains(Self.vocabularies[index].message) == true, "\(error?.description ?? "")")
  }

  /// Scores that have no order, tokens without text and the same text twice are used as far as they go.
  @Test func oddVocabulariesAreUsed() throws {
    var vocabulary = SentencePieceTests.vocabulary(
      [("▁", .nan), ("a", .infinity), ("aa", .nan), ("aa", -.infinity), ("", 0), ("aaa", .nan)])
    let tokenizer = try Tokenizer(vocabulary, path: "odd")
    #expect(tokenizer.decode(tokenizer.encode("aaaa é")) == "aaaa é")
    let error = #expect(throws: FileError.self) { try vocabulary.huggingFaceFiles(path: "odd") }
    #expect(error?.description.contains("are both \"aa\"") == true)
    vocabulary.tokens[3 + 256 + 3] = "b"
    #expect(throws: Never.self) { try vocabulary.huggingFaceFiles(path: "odd") }
  }

  @Test(arguments: [
    ([UInt8]("IQ== 0\nIg== 1\n".utf8), "tiktoken"), ([0xFF, 0xFF], "not a SentencePiece model"),
    ([], "is empty; was it downloaded whole?"),
    ([0x0A, 0x05, 0x0A, 0x03, 0x61, 0x62, 0x63], "Unigram"),
    ([0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0x07], "not a SentencePiece model"),
  ])
  func modelFilesAreRefused(_ bytes: [UInt8], _ message: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(bytes, to: "tokenizer.model")
    let error = #expect(throws: FileError.self) { try TokenizerFolder.load(folder.path) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test func aFolderWithoutTokenizerSaysWhatWasLookedFor() throws {
    let folder = try TemporaryFolder()
    let error = #expect(throws: FileError.self) { try TokenizerFolder.load(folder.path) }
    #expect(error?.description.contains("neither tokenizer.json nor tekken.json nor tokenizer.model") == true)
    #expect(try !TokenizerFolder.hasVocabulary(folder.path))
  }
}
