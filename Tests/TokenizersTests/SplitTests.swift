import Bytes
import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenizers

/// Cuts of hard texts by the pre-tokenizers of published vocabularies, as the tokenizers library makes them.
@Suite struct SplitTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let number: Int
    /// The name that a GGUF gets.
    let name: String
    let files: [String: [UInt8]]
    /// Lengths of the pieces of each text.
    let cuts: [[Int]]

    var testDescription: String { "\(number) \(name)" }
  }

  static let (texts, cases): ([String], [Case]) = {
    do {
      return try read()
    } catch {
      Issue.record("splits.json cannot be read: \(error)")
      return ([], [])
    }
  }()

  private static func read() throws -> ([String], [Case]) {
    let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
      "Golden/splits.json")
    let document = try JSONValue(parsing: [UInt8](try Data(contentsOf: golden)))
    let cases = try (document["cases"]?.array ?? []).enumerated().map { number, entry in
      let parts = (entry["parts"]?.array ?? []) + [Self.bytes]
      return Case(
        number: number, name: entry["name"]?.string ?? "",
        files: ["tokenizer.json": try Self.document(parts, ignoresMerges: entry["ignore_merges"]?.bool ?? false)],
        cuts: (entry["cuts"]?.array ?? []).map { ($0.array ?? []).compactMap(\.int) })
    }
    return ((document["texts"]?.array ?? []).compactMap(\.string), cases)
  }

  private static let bytes: JSONValue = ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false]

  private static func document(_ parts: [JSONValue], ignoresMerges: Bool = false) throws -> [UInt8] {
    let document: JSONValue = [
      "pre_tokenizer": ["type": "Sequence", "pretokenizers": .array(parts)],
      "model": ["type": "BPE", "ignore_merges": .bool(ignoresMerges), "vocab": ["a": 0], "merges": []],
    ]
    return try document.serialized()
  }

  private func cut(_ text: String, by steps: [Splitter]) -> [Int] {
    let bytes = Array(text.utf8)
    var lengths: [Int] = []
    guard !bytes.isEmpty else { return [] }
    PreTokenizer.split(bytes.span, 0..<bytes.count, by: steps[...]) { lengths.append($0.count) }
    return lengths
  }

  @Test func thereAreCases() { #expect(Self.cases.count >= 30 && Self.texts.count > 80) }

  @Test(arguments: cases) func cutsAreThoseOfTheLibrary(_ example: Case) throws {
    let loaded = try TokenizerFolder.load(example.files)
    #expect(loaded.vocabulary.pre == example.name)
    let model = try #require(loaded.tokenizer.model as? ByteLevelModel)
    let named = try #require(PreTokenizer.named(example.name))
    #expect(named.isMeant(by: model.steps))
    for (text, lengths) in zip(Self.texts, example.cuts) {
      #expect(cut(text, by: model.steps) == lengths, "\(text.debugDescription)")
      // Falcon's file cuts more than llama.cpp, where no token is concerned.
      if named.otherSteps.isEmpty { #expect(cut(text, by: named.steps) == lengths, "\(text.debugDescription)") }
    }
  }

  /// What is written of a cut is read as the same.
  @Test(arguments: PreTokenizer.all.map(\.names[0])) func cutsAreWrittenAndReadAgain(_ name: String) throws {
    let vocabulary = ByteLevelTests.vocabulary(pre: name)
    let files = try vocabulary.huggingFaceFiles(path: "made")
    let again = try TokenizerFolder.load(
      Dictionary(files.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first }))
    #expect(PreTokenizer.isSame(try #require(again.vocabulary.pre), name))
    let steps = try #require(PreTokenizer.named(name)?.steps)
    let model = try #require(again.tokenizer.model as? ByteLevelModel)
    for text in Self.texts { #expect(cut(text, by: model.steps) == cut(text, by: steps), "\(text.debugDescription)") }
  }

  /// Every splitter hands out the whole range in order, whatever the bytes are.
  @Test(arguments: Splitter.all.map(\.name)) func arbitraryBytesAreCutWhole(_ name: String) throws {
    let splitter = try #require(Splitter.all.first { $0.name == name })
    var random = SeededGenerator(seed: 20_260_727)
    let pool: [UInt8] =
      Array("aA1 \n\r'sS!<IMGIMGAZ/".utf8) + [0xC5, 0xBF, 0xE2, 0x96, 0x81, 0xF0, 0x9F, 0xCC, 0x80, 0xFF]
    for _ in 0..<400 {
      let bytes = (0..<Int.random(in: 1...40, using: &random)).map { _ in
        Bool.random(using: &random)
          ? UInt8.random(in: 0...255, using: &random) : pool.randomElement(using: &random) ?? 0
      }
      let start = Int.random(in: 0..<bytes.count, using: &random)
      let range = start..<Int.random(in: start + 1...bytes.count, using: &random)
      var place = range.lowerBound
      splitter.pieces(bytes.span, range) { piece in
        #expect(piece.lowerBound == place && !piece.isEmpty, "\(bytes) \(range)")
        place = piece.upperBound
      }
      #expect(place == range.upperBound, "\(bytes) \(range)")
    }
  }

  // MARK: - Names

  @Test func anUnknownExpressionIsShownAndANameTakesItsPlace() throws {
    let expression = #"\p{Lu}+|\S+(?=x)"#
    let split: JSONValue = ["type": "Split", "pattern": ["Regex": .string(expression)], "behavior": "Isolated"]
    let files = ["tokenizer.json": try Self.document([split, Self.bytes])]
    let error = try #require(throws: FileError.self) { try TokenizerFolder.load(files) }
    #expect(error.description.contains(expression))
    #expect(error.remedies == [.namePreTokenizer])
    let loaded = try TokenizerFolder.load(files, preTokenizer: "glm4")
    #expect(loaded.vocabulary.pre == "glm4")
    #expect((loaded.tokenizer.model as? ByteLevelModel)?.steps.map(\.name) == ["Llama 3"])
    let unknown = try #require(throws: FileError.self) { try TokenizerFolder.load(files, preTokenizer: "glm3") }
    for name in ["glm4", "deepseek-v3", "default"] { #expect(unknown.description.contains(name)) }
  }

  @Test func onlyVocabulariesOverBytesAreCutUnderAName() throws {
    var vocabulary = SentencePieceTests.vocabulary([("▁", -9), ("a", -10)])
    let error = try #require(throws: FileError.self) { try vocabulary.cut(as: "qwen2", path: "made") }
    #expect(error.description.contains(#"is a "llama""#))
    let files = try vocabulary.huggingFaceFiles(path: "made")
    #expect(throws: FileError.self) {
      try TokenizerFolder.load(
        Dictionary(files.map { ($0.name, $0.bytes) }, uniquingKeysWith: { first, _ in first }), preTokenizer: "qwen2")
    }
    var other = ByteLevelTests.vocabulary(pre: "unheard-of")
    try other.cut(as: "qwen2", path: "made")
    #expect(other.pre == "qwen2")
    #expect(throws: FileError.self) { try other.cut(as: "unheard-of", path: "made") }
  }

  @Test(arguments: [
    ("glm4", "llama-bpe", "glm4"), ("olmo2", "smaug-bpe", "dbrx"), ("granite", "starcoder", "refact"),
    ("cohere2", "starcoder", "command-r"), ("stablelm", "qwen2", "stablelm2"), ("gpt_neox", "gpt-2", "olmo"),
    ("hunyuan_v1_dense", "deepseek-v3", "hunyuan-dense"), ("phi", "gpt-2", "phi-2"), ("llama4", "gpt-4o", "llama4"),
    // The kind of the model says nothing of another cut.
    ("glm4", "qwen2", "qwen2"), ("granite", "llama-bpe", "llama-bpe"), ("heard-of-by-nobody", "tekken", "tekken"),
  ])
  func theKindOfTheModelTellsNamesApartThatCutAlike(_ modelType: String, _ cut: String, _ name: String) throws {
    let steps = try #require(PreTokenizer.named(cut))
    #expect(
      PreTokenizer.name(of: steps.steps, ignoresMerges: steps.ignoresMerges, modelType: modelType) == name)
  }
}
