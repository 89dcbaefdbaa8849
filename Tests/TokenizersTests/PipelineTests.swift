import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenizers

/// Tokenizers that differ in one setting each, with the ids that the transformers library gives.
@Suite struct PipelineTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let files: [String: [UInt8]]
    let texts: [String]
    let ids: [[Int32]]
    let surrounded: [Int32]

    var testDescription: String { name }
  }

  static let cases: [Case] = {
    do {
      return try read()
    } catch {
      Issue.record("pipelines.json cannot be read: \(error)")
      return []
    }
  }()

  private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Golden/pipelines.json")

  private static func read() throws -> [Case] {
    let document = try JSONValue(parsing: [UInt8](try Data(contentsOf: golden)))
    let texts = (document["texts"]?.array ?? []).compactMap(\.string)
    func ids(_ value: JSONValue?) -> [Int32] { (value?.array ?? []).compactMap(\.int).map { Int32($0) } }
    return try (document["cases"]?.array ?? []).map { entry in
      var tokenizer = entry["tokenizer"]?.object ?? [:]
      tokenizer["model"] = document["models"]?[entry["base"]?.string ?? ""]
      return Case(
        name: entry["name"]?.string ?? "",
        files: [
          "tokenizer.json": try JSONValue.object(tokenizer).serialized(),
          "tokenizer_config.json": try (entry["config"] ?? .null).serialized(),
          "config.json": try JSONValue.object(["model_type": entry["model_type"] ?? .null]).serialized(),
        ],
        texts: texts, ids: (entry["ids"]?.array ?? []).map { ids($0) }, surrounded: ids(entry["surrounded"]))
    }
  }

  @Test func thereAreCases() { #expect(Self.cases.count > 40) }

  @Test(arguments: cases) func idsAreThoseOfTransformers(_ example: Case) throws {
    let tokenizer = try TokenizerFolder.load(example.files).tokenizer
    #expect(example.ids.count == example.texts.count)
    for (text, ids) in zip(example.texts, example.ids) {
      #expect(tokenizer.encode(text, addSpecial: false, parseSpecial: true) == ids, "\(text.debugDescription)")
    }
    #expect(tokenizer.encode("hello", parseSpecial: true) == example.surrounded)
  }

  /// GGUF's keys and what is kept beside them hold everything.
  @Test(arguments: cases) func theWayBackGivesTheSameIds(_ example: Case) throws {
    let loaded = try TokenizerFolder.load(example.files, vocabularySize: 400)
    let files = try #require(loaded.vocabulary.huggingFaceFiles(kept: loaded.kept, path: "made"))
    var documents = Dictionary(files.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first })
    documents["config.json"] = example.files["config.json"]
    let back = try TokenizerFolder.load(documents).tokenizer
    for (text, ids) in zip(example.texts, example.ids) {
      #expect(back.encode(text, addSpecial: false, parseSpecial: true) == ids, "\(text.debugDescription)")
    }
    #expect(back.encode("hello", parseSpecial: true) == example.surrounded)
    // Rows without a token are none on the way back.
    #expect(back.vocabularySize == (try TokenizerFolder.load(example.files).tokenizer.vocabularySize))
    let document = try JSONValue(parsing: try #require(documents["tokenizer.json"]))
    let original = try JSONValue(parsing: try #require(example.files["tokenizer.json"]))
    #expect(document["model"] == original["model"])
    for part in ["added_tokens", "normalizer", "pre_tokenizer", "decoder"] { #expect(document[part] == original[part]) }
  }

  @Test func mergesThatAreIgnoredAreALossWhereTheyMatter() throws {
    let example = try #require(Self.cases.first { $0.name == "ignored merges" })
    #expect(try TokenizerFolder.load(example.files).losses == ["words that are tokens are taken whole"])
    let other = try #require(Self.cases.first { $0.name == "GPT-2's cut" })
    #expect(try TokenizerFolder.load(other.files).losses.isEmpty)
  }

  @Test func aVocabularyThatWasEditedIsNotWhatWasKept() throws {
    let example = try #require(Self.cases.first { $0.name == "NFC before GPT-2's cut" })
    let loaded = try TokenizerFolder.load(example.files, vocabularySize: 400)
    #expect(loaded.losses == ["text is brought to Unicode's form C before this cut into words"])
    // The lists are the GGUF's own, so that what was added to them or taken away goes along.
    for (isBelieved, edit) in [
      (true, { $0.tokens[7] += "x" }), (true, { $0.merges.removeLast() }),
      (
        true,
        {
          $0.tokens.removeLast(); $0.tokenTypes.removeLast()
        }
      ), (false, { $0.pre = "llama-bpe" }),
      (false, { $0.addBOS = true }), (false, { $0.tokenTypes[3] = 3 }),
    ] as [(Bool, (inout GGUFVocabulary) -> Void)] {
      var vocabulary = loaded.vocabulary
      edit(&vocabulary)
      #expect((vocabulary.huggingFaceFiles(kept: loaded.kept, path: "made") != nil) == isBelieved)
    }
    for damaged in [KeptTokenizer(tokenizer: "{"), KeptTokenizer(tokenizer: "{}"), KeptTokenizer(tokenizer: "[]")] {
      #expect(loaded.vocabulary.huggingFaceFiles(kept: damaged, path: "made") == nil)
    }
  }
}
