import Bytes
import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenizers

/// `tekken.json`, with what mistral-common and llama.cpp's converter say of it (`make_tekken.py`).
@Suite struct TekkenTests {
  struct Reference: Decodable {
    struct Text: Decodable {
      var text: String
      var ids: [Int32]
    }
    struct Converted: Decodable {
      var tokens: [String]
      var types: [Int32]
      var merges: [String]
      /// Beginning, end, unknown, padding.
      var special: [Int32]
    }
    var texts: [Text]
    var pieces: [[String]]
    var gguf: Converted
  }

  static let versions = ["v3", "v13"]

  static func folder(_ version: String) -> String {
    FixtureTests.fixtures.appendingPathComponent("Tekken/\(version)").path
  }

  private func reference(_ version: String) throws -> Reference {
    let path = Self.folder(version) + "/reference.json"
    return try JSONDecoder().decode(Reference.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  @Test(arguments: versions) func idsAreThoseOfMistralCommon(_ version: String) throws {
    let loaded = try TokenizerFolder.load(Self.folder(version))
    let folder = try TemporaryFolder()
    for file in try loaded.vocabulary.huggingFaceFiles(path: "made") { try folder.write(file.bytes, to: file.name) }
    let forms = [
      ("as it is", loaded.tokenizer), ("for GGUF", try Tokenizer(loaded.vocabulary, path: "made")),
      ("as tokenizer.json", try TokenizerFolder.load(folder.path).tokenizer),
    ]
    for (form, tokenizer) in forms {
      #expect(tokenizer.encode("") == [1], "\(form)")
      for text in try reference(version).texts {
        let ids = tokenizer.encode(text.text, addSpecial: false)
        #expect(ids == text.ids, "\(form): \(text.text.debugDescription)")
        #expect(tokenizer.decode(text.ids, skipSpecial: false).utf8.elementsEqual(text.text.utf8), "\(form)")
      }
    }
  }

  @Test(arguments: versions) func piecesAreThoseOfThePattern(_ version: String) throws {
    for pieces in try reference(version).pieces {
      let text = Array(pieces.joined().utf8)
      var found: [[UInt8]] = []
      PreTokenizer.split(text.span, 0..<text.count, by: [.tekken]) { found.append(Array(text[$0])) }
      #expect(found == pieces.map { Array($0.utf8) }, "\(pieces)")
    }
  }

  @Test(arguments: versions) func theVocabularyIsThatOfTheConverter(_ version: String) throws {
    let vocabulary = try TokenizerFolder.load(Self.folder(version)).vocabulary
    let converted = try reference(version).gguf
    #expect(vocabulary.model == "gpt2" && vocabulary.pre == "tekken")
    #expect(vocabulary.tokens == converted.tokens)
    #expect(vocabulary.tokenTypes == converted.types)
    #expect(vocabulary.merges == converted.merges)
    #expect(
      [vocabulary.bosID, vocabulary.eosID, vocabulary.unknownID, vocabulary.paddingID] == converted.special)
    #expect(vocabulary.addBOS == true && vocabulary.addEOS == false)
    #expect(vocabulary.chatTemplate == (version == "v3" ? "mistral-v3-tekken" : nil))
  }

  /// Control tokens are never found in plain text, as in mistral-common, and only when they are asked for.
  @Test func specialTokensAreFoundWhenAsked() throws {
    let tokenizer = try TokenizerFolder.load(Self.folder("v13")).tokenizer
    #expect(tokenizer.encode("[INST]", addSpecial: false).count > 1)
    #expect(tokenizer.encode("[INST]", addSpecial: false, parseSpecial: true) == [3])
    #expect(tokenizer.encode("<SPECIAL_30>", addSpecial: false, parseSpecial: true) == [30])
    #expect(tokenizer.decode([3, 30], skipSpecial: false) == "[INST]<SPECIAL_30>")
    #expect(tokenizer.eosIDs == [2] && tokenizer.unknownID == 0)
  }

  /// Rows of the embedding beyond the vocabulary are filled; fewer rows than tokens are refused.
  @Test func rowsOfTheEmbeddingCount() throws {
    let folder = Self.folder("v3")
    let loaded = try TokenizerFolder.load(folder, vocabularySize: 800)
    #expect(loaded.vocabulary.tokens.count == 800)
    #expect(loaded.vocabulary.tokenTypes.suffix(5) == [1, 5, 5, 5, 5])
    let error = #expect(throws: FileError.self) { try TokenizerFolder.load(folder, vocabularySize: 700) }
    #expect(error?.path == folder + "/tekken.json")
    #expect(error?.description.contains("700") == true)
  }

  // MARK: - Which file counts

  @Test func aTokenizerJSONGoesFirstAndATokenizerModelLast() throws {
    let folder = try TemporaryFolder()
    let tekken = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Self.folder("v3") + "/tekken.json")))
    try folder.write(tekken, to: "tekken.json")
    try folder.write([0xFF], to: "tokenizer.model")
    #expect(try TokenizerFolder.hasVocabulary(folder.path))
    #expect(try TokenizerFolder.load(folder.path).path == folder.file("tekken.json"))
    try folder.write(HostileTests.document().utf8, to: "tokenizer.json")
    #expect(try TokenizerFolder.load(folder.path).path == folder.file("tokenizer.json"))
  }

  /// A file that is named counts before the one that would count in its folder.
  @Test func aFileIsLoadedByItsName() throws {
    let folder = try TemporaryFolder()
    let tekken = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Self.folder("v3") + "/tekken.json")))
    try folder.write(tekken, to: "tekken_240718.json")
    try folder.write(HostileTests.document().utf8, to: "tokenizer.json")
    let file = folder.file("tekken_240718.json")
    #expect(try TokenizerFolder.load(file: file).path == file)
    #expect(try TokenizerFolder.load(file: folder.file("tokenizer.json")).tokenizer.vocabularySize == 3)
  }

  // MARK: - The way back

  /// The file comes back from a GGUF without the tokens that nobody uses, and is the same from then on.
  @Test(arguments: versions) func theFileComesBackFromAGGUF(_ version: String) throws {
    let loaded = try TokenizerFolder.load(Self.folder(version))
    var files = try loaded.vocabulary.huggingFaceFiles(path: "made")
    let bytes = try #require(files.first { $0.name == "tekken.json" }).bytes
    let again = try TokenizerFolder.load(["tekken.json": bytes])
    #expect(again.vocabulary == loaded.vocabulary)
    files = try again.vocabulary.huggingFaceFiles(path: "made")
    #expect(files.first { $0.name == "tekken.json" }?.bytes == bytes)
    let original = try JSONValue(
      parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: Self.folder(version) + "/tekken.json"))))
    let written = try JSONValue(parsing: bytes)
    for key in ["config", "special_tokens", "image"] { #expect(written[key] == original[key]) }
    let count = try #require(written["vocab"]?.array?.count)
    #expect(written["vocab"]?.array == original["vocab"]?.array.map { Array($0.prefix(count)) })
  }

  /// Rows that fill the embedding are not tokens of the file; a changed vocabulary has no such file.
  @Test func theFileComesBackOnlyWhereItIsTrue() throws {
    var vocabulary = try TokenizerFolder.load(Self.folder("v13"), vocabularySize: 500).vocabulary
    func names() throws -> [String] { try vocabulary.huggingFaceFiles(path: "made").map(\.name) }
    #expect(try names().contains("tekken.json"))
    vocabulary.tokens[3] = "[START]"
    #expect(try !names().contains("tekken.json"))
    vocabulary.tokens[3] = "[INST]"
    vocabulary.tekken = "{}"
    #expect(try !names().contains("tekken.json"))
    #expect(try names().count == 3)
  }

  /// The name of a template inside llama.cpp is none for others.
  @Test func aNameIsNoTemplate() throws {
    var vocabulary = try TokenizerFolder.load(Self.folder("v3")).vocabulary
    func configuration() throws -> JSONValue {
      let file = try vocabulary.huggingFaceFiles(path: "made").first { $0.name == "tokenizer_config.json" }
      return try JSONValue(parsing: try #require(file).bytes)
    }
    #expect(vocabulary.builtInTemplate == "mistral-v3-tekken")
    #expect(try configuration()["chat_template"] == nil)
    vocabulary.chatTemplate = "{{ messages }}"
    #expect(vocabulary.builtInTemplate == nil)
    #expect(try configuration()["chat_template"] == "{{ messages }}")
  }

  @Test func aTemplateBesideItGoesBeforeTheNameOfOne() throws {
    let folder = try TemporaryFolder()
    let tekken = [UInt8](try Data(contentsOf: URL(fileURLWithPath: Self.folder("v3") + "/tekken.json")))
    try folder.write(tekken, to: "tekken.json")
    try folder.write("{{ messages }}".utf8, to: "chat_template.jinja")
    try folder.write(#"{"eos_token_id": [2, 4, 9999]}"#.utf8, to: "generation_config.json")
    let vocabulary = try TokenizerFolder.load(folder.path).vocabulary
    #expect(vocabulary.chatTemplate == "{{ messages }}")
    #expect(vocabulary.allEndIDs == [2, 4])
  }

  // MARK: - Malformed files

  /// A small document: 256 bytes and `ab`, one special token and a filler.
  static func document(
    config: String = #""default_vocab_size": 259, "default_num_special_tokens": 2, "version": "v3""#,
    pattern: String? = nil, special: String? = #"[{"rank": 0, "token_str": "<s>", "is_control": true}]"#,
    change: (inout [String]) -> Void = { _ in }
  ) throws -> String {
    let pattern = try String(
      decoding: JSONEncoder().encode(pattern ?? Splitter.tekken.expressions[0]), as: UTF8.self)
    var entries = (0...255).map { entry($0, [UInt8($0)]) } + [entry(256, Array("ab".utf8))]
    change(&entries)
    let specialTokens = special.map { #", "special_tokens": \#($0)"# } ?? ""
    return """
      {"config": {"pattern": \(pattern), \(config)}, "vocab": [\(entries.joined(separator: ",\n"))]\(specialTokens)}
      """
  }

  static func entry(_ rank: Int, _ bytes: [UInt8]) -> String {
    #"{"rank": \#(rank), "token_bytes": "\#(Data(bytes).base64EncodedString())", "token_str": null}"#
  }

  static let documents: [(document: @Sendable () throws -> String, message: String)] = [
    ({ "" }, "is empty"),
    ({ "[]" }, "an object is wanted"),
    ({ "{}" }, "has no vocabulary"),
    ({ #"{"vocab": [\#(entry(0, [0]))]}"# }, "has no config"),
    ({ #"{"config": {}, "vocab": [\#(entry(0, [0]))]}"# }, "no pattern to cut text with"),
    (
      { try document(pattern: #"\w+"#) },
      #""\w+" cuts text is not known here; the patterns of these are: Llama 3, Tekken"#
    ),
    ({ try document(pattern: Splitter.qwen2.expressions[0]) }, "is not known here"),
    ({ try document { $0[256] = #"{"rank": 256, "token_bytes": "YW*i"}"# } }, "vocab[256]"),
    ({ try document { $0[256] = #"{"rank": 256, "token_bytes": "YWI"}"# } }, #""YWI" is not base 64"#),
    ({ try document { $0[256] = #"{"rank": 256, "token_bytes": "Y==="}"# } }, "is not base 64"),
    ({ try document { $0[256] = #"{"rank": 256, "token_bytes": "=WI="}"# } }, "is not base 64"),
    ({ try document { $0[256] = #"{"rank": 256, "token_bytes": ""}"# } }, "has no bytes"),
    ({ try document { $0[256] = #"{"rank": 256}"# } }, "needs a rank and token_bytes"),
    ({ try document { $0[256] = #"{"token_bytes": "YWI="}"# } }, "needs a rank and token_bytes"),
    ({ try document { $0[256] = #"{"rank": 256, "token_bytes": 5}"# } }, "a string is wanted"),
    ({ try document { $0[256] = entry(256, [UInt8](repeating: 97, count: 2000)) } }, "more than 1024 bytes"),
    ({ try document { $0[256] = entry(257, [97, 98]) } }, "has the rank 257"),
    ({ try document { $0[256] = entry(255, [97, 98]) } }, "has the rank 255"),
    ({ try document { $0[256] = entry(-1, [97, 98]) } }, "has the rank -1"),
    ({ try document { $0[256] = #"{"rank": 1e3, "token_bytes": "YWI="}"# } }, "a whole number"),
    ({ try document { $0[256] = #"{"rank": 99999999999999999999, "token_bytes": "YWI="}"# } }, "a whole number"),
    ({ try document { $0[256] = entry(256, [97]) } }, "ranks 97 and 256 have the same bytes"),
    ({ try document { $0.swapAt(3, 4) } }, "has the rank 4"),
    ({ try document { $0[3] = entry(3, [97, 98]) } }, "not the byte 3"),
    ({ try document { $0.removeLast(2) } }, "is 259, but there are 2 special tokens and 255 others"),
    ({ try document(config: #""default_vocab_size": 300"#) }, "is 300, but"),
    ({ try document(config: #""default_vocab_size": 200"#) }, "is 200, but"),
    ({ try document(config: #""default_vocab_size": -1"#) }, "not a whole number of 0 or more"),
    ({ try document(config: #""default_vocab_size": 1.5"#) }, "not a whole number of 0 or more"),
    ({ try document(config: #""default_num_special_tokens": 1000000000"#) }, "at most 65536"),
    ({ try document(config: #""default_num_special_tokens": 0"#) }, "is 0, but there are 1 special tokens"),
    ({ try document(config: #""version": "v13""#, special: nil) }, "has to list its special tokens"),
    ({ try document(special: #"[{"rank": 1, "token_str": "<s>"}]"#) }, "without a gap, but after 0"),
    (
      { try document(special: #"[{"rank": 0, "token_str": "a"}, {"rank": 0, "token_str": "b"}]"#) },
      "after 1 of them comes rank 0"
    ),
    ({ try document(special: #"[{"rank": 0, "token_str": "<SPECIAL_1>"}]"#) }, #"0 and 1 are both "<SPECIAL_1>""#),
    ({ try document(special: #"[{"rank": 0, "token_str": "ab"}]"#) }, #"0, a special one, and 258 are both "ab""#),
    ({ try document(special: #"[{"rank": 0, "token_str": ""}]"#) }, "has 0 bytes"),
    ({ try document(special: #"[{"rank": 0}]"#) }, "needs a rank and a token_str"),
    ({ try document(special: "5") }, "an array is wanted"),
  ]

  @Test(arguments: documents.indices) func documentsAreRefused(_ index: Int) throws {
    let (document, message) = Self.documents[index]
    let folder = try TemporaryFolder()
    try folder.write(try document().utf8, to: "tekken.json")
    let error = #expect(throws: FileError.self) { try TokenizerFolder.load(folder.path) }
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    #expect(error?.path == folder.file("tekken.json"))
  }

  /// What is stated nowhere is as the transformers library has it, and ranks may stand in any order among special tokens.
  @Test func theSmallestDocumentIsRead() throws {
    let special = #"[{"rank": 1, "token_str": "</s>"}, {"rank": 0, "token_str": "<s>"}]"#
    for document in [try Self.document(), try Self.document(config: #""version": null"#, special: special)] {
      let folder = try TemporaryFolder()
      try folder.write(document.utf8, to: "tekken.json")
      let tokenizer = try TokenizerFolder.load(folder.path).tokenizer
      #expect(tokenizer.encode("abc") == [0, 258, 101])
      #expect(tokenizer.vocabularySize == 259)
    }
  }

  @Test func cutDocumentsAreRefused() throws {
    let bytes = Array(try Self.document().utf8)
    for count in stride(from: 0, to: bytes.count - 1, by: 97) {
      #expect(throws: FileError.self) { try TekkenFile(Array(bytes[..<count]), path: "cut") }
    }
    #expect(throws: Never.self) { try TekkenFile(bytes, path: "whole") }
  }

  /// Of two ways to make one token the leftmost in the text goes first, whatever the ranks of their parts.
  @Test func pairsOfOneTokenGoFromLeftToRight() throws {
    let folder = try TemporaryFolder()
    let document = try Self.document(config: #""default_num_special_tokens": 1"#) { entries in
      entries[256] = Self.entry(256, Array("aa".utf8))
      entries.append(Self.entry(257, Array("aaa".utf8)))
    }
    try folder.write(document.utf8, to: "tekken.json")
    let loaded = try TokenizerFolder.load(folder.path)
    #expect(loaded.vocabulary.merges == ["a a", "a aa", "aa a"])
    #expect(loaded.tokenizer.encode("aaaaa", addSpecial: false) == [257, 258])
  }

  /// Cuts are those that trying every place finds.
  @Test func cutsAreAllThereAre() {
    var numbers = SeededGenerator(seed: 5)
    var strings = ByteStrings()
    var seen: Set<[UInt8]> = []
    while seen.count < 400 {
      let string = (0..<Int.random(in: 1...8, using: &numbers)).map { _ in UInt8.random(in: 0...2, using: &numbers) }
      guard seen.insert(string).inserted else { continue }
      strings.append(string)
    }
    let cuts = ByteStringCuts(strings)
    #expect(cuts.duplicate == nil)
    for index in 0..<strings.count {
      var found: [[[UInt8]]] = []
      cuts.forEach(of: index) { found.append([Array(strings[Int($0)]), Array(strings[Int($1)])]) }
      let string = Array(strings[index])
      let wanted = (1..<max(string.count, 1)).map { [Array(string[..<$0]), Array(string[$0...])] }
      #expect(found == wanted.filter { $0.allSatisfy(seen.contains) })
    }
  }
}
