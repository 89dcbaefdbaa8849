import Bytes
import TestSupport
import Testing

@testable import Tokenizers

/// What the files beside a vocabulary say.
@Suite struct FolderTests {
  private func load(_ files: [String: String], json: String = HostileTests.document(), vocabularySize: Int? = nil)
    throws
    -> LoadedTokenizer
  {
    let folder = try TemporaryFolder()
    try folder.write(json.utf8, to: "tokenizer.json")
    for (name, text) in files { try folder.write(text.utf8, to: name) }
    return try TokenizerFolder.load(folder.path, vocabularySize: vocabularySize)
  }

  @Test func tokensThatOnlyTheConfigurationHasAreAdded() throws {
    let loaded = try load(
      [
        "tokenizer_config.json":
          #"{"added_tokens_decoder": {"7": {"content": "<x>", "special": true}, "4": {"content": "▁y"}}}"#
      ],
      vocabularySize: 9)
    #expect(loaded.vocabulary.tokens == ["a", "b", "ab", "[PAD3]", " y", "[PAD5]", "[PAD6]", "<x>", "[PAD8]"])
    #expect(loaded.vocabulary.tokenTypes == [1, 1, 1, 5, 4, 5, 5, 3, 5])
    #expect(loaded.tokenizer.encode("a<x>ab", parseSpecial: true) == [0, 7, 2])
    #expect(loaded.tokenizer.vocabularySize == 9)
  }

  @Test func moreTokensThanRowsAreRefused() {
    let error = #expect(throws: FileError.self) { try load([:], vocabularySize: 2) }
    #expect(error?.description.contains("below 2") == true)
  }

  @Test func beginningAndEndComeFromTheConfiguration() throws {
    let added = #"[{"id": 3, "content": "<s>", "special": true}, {"id": 4, "content": "</s>", "special": true}]"#
    let template = """
      "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}], \
      "special_tokens": {"<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]}}},
      """
    let names = #""bos_token": {"content": "<s>"}, "eos_token": "</s>""#
    let plain = HostileTests.document(added: added)
    let templated = HostileTests.document(added: added, more: template)
    let cases: [(json: String, flags: String, ids: [Int32])] = [
      (plain, "", [0]), (plain, #", "add_bos_token": true"#, [3, 0]), (plain, #", "add_eos_token": true"#, [0, 4]),
      (templated, "", [3, 0]), (templated, #", "add_bos_token": false"#, [0]),
      (templated, #", "add_eos_token": true"#, [3, 0, 4]),
    ]
    for (json, flags, ids) in cases {
      let loaded = try load(["tokenizer_config.json": "{\(names)\(flags)}"], json: json)
      #expect(loaded.tokenizer.encode("a") == ids)
      #expect(loaded.tokenizer.encode("a", addSpecial: false) == [0])
      #expect(try Tokenizer(loaded.vocabulary, path: "made").encode("a") == ids)
      let folder = try TemporaryFolder()
      for file in try loaded.vocabulary.huggingFaceFiles(path: "made") { try folder.write(file.bytes, to: file.name) }
      #expect(try TokenizerFolder.load(folder.path).tokenizer.encode("a") == ids)
    }
  }

  @Test func everyEndTokenIsKept() throws {
    let added = #"[{"id": 3, "content": "<|eot_id|>", "special": true}, {"id": 4, "content": "</s>", "special": true}]"#
    let loaded = try load(
      [
        "tokenizer_config.json": #"{"eos_token": "</s>"}"#, "generation_config.json": #"{"eos_token_id": [4, 3, 77]}"#,
        "config.json": #"{"bos_token_id": 1, "eos_token_id": 4, "pad_token_id": null}"#,
      ], json: HostileTests.document(added: added))
    #expect(loaded.tokenizer.eosIDs == [4, 3])
    #expect(loaded.vocabulary.eosID == 4)
    #expect(loaded.vocabulary.eotID == 3)
    #expect(loaded.vocabulary.bosID == 1)
    #expect(loaded.vocabulary.paddingID == nil)
  }

  /// GLM-4's turns end with the token that begins the next one, which llama.cpp does not know by its text.
  @Test(arguments: [("[3, 4]", 4), ("[3, 4, 5]", 5), ("3", nil)] as [(String, Int32?)])
  func aTurnEndsWhereTheNextBegins(_ ends: String, _ expected: Int32?) throws {
    let added = """
      [{"id": 3, "content": "<|endoftext|>", "special": true}, {"id": 4, "content": "<|user|>", "special": true}, \
      {"id": 5, "content": "<|im_end|>", "special": true}]
      """
    let loaded = try load(
      ["config.json": "{\"eos_token_id\": \(ends)}"], json: HostileTests.document(added: added))
    #expect(loaded.vocabulary.eosID == 3)
    #expect(loaded.vocabulary.eotID == expected)
  }

  @Test func chatTemplatesInAllTheirPlaces() throws {
    let list = #"{"chat_template": [{"name": "default", "template": "D"}, {"name": "tool", "template": "T"}]}"#
    let named = try load(["tokenizer_config.json": list]).vocabulary
    #expect(named.chatTemplate == "D")
    #expect(named.namedTemplates == [.init(name: "tool", template: "T")])
    #expect(try load(["tokenizer_config.json": #"{"chat_template": "S"}"#]).vocabulary.chatTemplate == "S")
    #expect(
      try load(["tokenizer_config.json": list, "chat_template.jinja": "J"]).vocabulary.chatTemplate == "J")
    let folder = try TemporaryFolder()
    for file in try named.huggingFaceFiles(path: "made") { try folder.write(file.bytes, to: file.name) }
    let again = try TokenizerFolder.load(folder.path).vocabulary
    #expect(again.chatTemplate == "D")
    #expect(again.namedTemplates == named.namedTemplates)
  }

  @Test func aTemplateThatComesAgainReplacesTheFirst() throws {
    let names = (0..<3000).map { "n\($0)" } + ["n7", "n1", "n7"]
    let list = names.enumerated().map { #"{"name": "\#($0.element)", "template": "\#($0.offset)"}"# }
    let templates = try load(
      ["tokenizer_config.json": #"{"chat_template": [\#(list.joined(separator: ","))]}"#]
    ).vocabulary.namedTemplates
    #expect(templates.count == 3000)
    #expect(templates.first?.name == "n0")
    #expect(templates.suffix(2) == [.init(name: "n1", template: "3001"), .init(name: "n7", template: "3002")])
  }

  /// Scores of merges are their ranks, so that merging by score gives what merging by rank gave.
  @Test func scoresComeFromTheRanksOfMerges() throws {
    let json = HostileTests.document(
      vocabulary: #"{"<unk>": 0, "<0x41>": 1, "▁": 2, "a": 3, "b": 4, "ab": 5, "▁ab": 6}"#,
      merges: #"[["a", "b"], ["▁", "ab"]]"#, preTokenizer: #"{"type": "Metaspace", "split": false}"#,
      model: #""unk_token": "<unk>", "byte_fallback": true,"#)
    let loaded = try load([:], json: json)
    #expect(loaded.vocabulary.scores == [0, 0, -2, -3, -4, 0, -1])
    #expect(loaded.vocabulary.tokenTypes == [2, 6, 1, 1, 1, 1, 1])
    #expect(loaded.vocabulary.model == "llama")
    #expect(loaded.tokenizer.encode("ab") == [6])
    #expect(try Tokenizer(loaded.vocabulary, path: "made").encode("ab", addSpecial: false) == [6])
  }
}
