import Foundation
import TestSupport
import Testing

@testable import Tokenizers

/// Ids for llama.cpp's test texts, from every form in which a vocabulary is at hand.
@Suite(.enabled(if: SharedData.isThere, "\(SharedData.absence)"))
struct VectorTests {
  /// Vectors, and the vocabulary that gives them.
  struct Case: Sendable, CustomTestStringConvertible {
    var vectors: String
    /// Files of a folder, name and place, or nil for the GGUF file of the vectors' name.
    var files: [String: String]?
    var testDescription: String { vectors + (files == nil ? " from GGUF" : " from \(files?.keys.sorted() ?? [])") }
  }

  static let cases = [
    Case(vectors: "gpt-2"),
    Case(vectors: "llama-spm"),
    Case(vectors: "refact"),
    Case(vectors: "starcoder"),
    Case(vectors: "mpt"),
    Case(vectors: "falcon"),
    Case(vectors: "phi-3"),
    Case(vectors: "deepseek-coder"),
    Case(vectors: "deepseek-llm"),
    Case(vectors: "gpt-2", files: ["tokenizer.json": "vocab/gpt-2/tokenizer.json"]),
    Case(vectors: "gpt-2", files: ["vocab.json": "vocab/gpt-2/vocab.json", "merges.txt": "vocab/gpt-2/merges.txt"]),
    Case(vectors: "qwen2", files: ["tokenizer.json": "vocab/qwen2/tokenizer.json"]),
    Case(
      vectors: "qwen2",
      files: [
        "vocab.json": "vocab/qwen2/vocab.json", "merges.txt": "vocab/qwen2/merges.txt",
        "tokenizer_config.json": "vocab/qwen2/tokenizer_config.json",
      ]),
    Case(vectors: "deepseek-r1-qwen", files: ["tokenizer.json": "vocab/qwen2/tokenizer.json"]),
    Case(vectors: "llama-spm", files: ["tokenizer.model": "vocab/llama-2/tokenizer.model"]),
    Case(vectors: "llama-spm", files: ["tokenizer.model": "vocab/tinyllama-1.1b-chat/tokenizer.model"]),
    Case(vectors: "llama-spm", files: ["tokenizer.json": "vocab/tinyllama-1.1b-chat/tokenizer.json"]),
  ]

  private func load(_ test: Case) throws -> (tokenizer: Tokenizer, vocabulary: GGUFVocabulary) {
    guard let files = test.files else {
      let path = SharedData.path("vocab/ggml-vocab/ggml-vocab-\(test.vectors).gguf")
      let vocabulary = try Vectors.vocabulary(path)
      return (try Tokenizer(vocabulary, path: path), vocabulary)
    }
    // Only these files, since what is beside them counts.
    let folder = try TemporaryFolder()
    for (name, target) in files {
      try FileManager.default.createSymbolicLink(
        atPath: folder.file(name), withDestinationPath: SharedData.path(target))
    }
    let loaded = try TokenizerFolder.load(folder.path)
    return (loaded.tokenizer, loaded.vocabulary)
  }

  /// The ids, the way back, and the same from what is written of the vocabulary in either form.
  @Test(arguments: cases)
  func idsAreThoseOfTheVectors(_ test: Case) throws {
    let (tokenizer, vocabulary) = try load(test)
    let folder = try TemporaryFolder()
    for file in try vocabulary.huggingFaceFiles(path: "made") { try folder.write(file.bytes, to: file.name) }
    let forms = [
      ("as it is", tokenizer), ("for GGUF", try Tokenizer(vocabulary, path: "made")),
      ("for Hugging Face", try TokenizerFolder.load(folder.path).tokenizer),
    ]
    for (text, ids) in try Vectors.named(test.vectors) {
      for (form, tokenizer) in forms {
        #expect(tokenizer.encode(text, addSpecial: false) == ids, "\(form): \(text.debugDescription)")
      }
      #expect(tokenizer.decode(ids).utf8.elementsEqual(text.utf8), "\(text.debugDescription)")
    }
  }

  /// Whether there are vectors of llama.cpp that no case asks for.
  @Test func everyVocabularyWithVectorsIsACase() throws {
    let folder = SharedData.path("vocab/ggml-vocab")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    let asked = Set(Self.cases.map(\.vectors))
    for name in names where name.hasSuffix(".gguf") && names.contains(name + ".inp") {
      let vocabulary = try Vectors.vocabulary("\(folder)/\(name)")
      guard ["gpt2", "llama"].contains(vocabulary.model) else { continue }
      #expect(asked.contains(String(name.dropFirst("ggml-vocab-".count).dropLast(".gguf".count))), "\(name)")
    }
  }

  @Test func llama3() throws {
    let tokenizer = try Tokenizer(try Vectors.llama3(), path: "made")
    for (text, ids) in try Vectors.named("llama-bpe") {
      #expect(tokenizer.encode(text, addSpecial: false) == ids, "\(text.debugDescription)")
      #expect(tokenizer.encode(text) == [128_000] + ids)
      #expect(tokenizer.decode(ids).utf8.elementsEqual(text.utf8))
    }
  }

  /// Ids that the SentencePiece library gave.
  @Test(arguments: ["hf-f32", "gguf"])
  func smallModel(_ form: String) throws {
    struct Text: Decodable {
      var text: String
      var ids: [Int32]
    }
    let model = SharedData.path("models/stories260K/")
    let cases = try JSONDecoder().decode(
      [Text].self, from: Data(contentsOf: URL(fileURLWithPath: model + "tokenizer_cases.json")))
    let gguf = model + "gguf/stories260K.gguf"
    let tokenizer =
      form == "gguf"
      ? try Tokenizer(try Vectors.vocabulary(gguf), path: gguf) : try TokenizerFolder.load(model + form).tokenizer
    #expect(tokenizer.bosID == 1)
    #expect(!cases.isEmpty)
    for text in cases {
      // The class of the folder, LlamaTokenizer, puts no space before text that begins with one (transformers 5.24).
      let ids = form == "hf-f32" && text.text.hasPrefix(" ") ? Array(text.ids.dropFirst()) : text.ids
      #expect(tokenizer.encode(text.text, addSpecial: false) == ids, "\(text.text.debugDescription)")
      #expect(tokenizer.encode(text.text) == [1] + ids)
    }
  }

  /// Every kind in which the vocabulary of one model comes gives one result on a long text.
  @Test func longTextIsTheSameFromEveryForm() throws {
    let text = [UInt8](try Data(contentsOf: URL(fileURLWithPath: SharedData.path("text/wiki.test.raw"))))
    let tokenizers = try Self.cases.filter { $0.vectors == "llama-spm" }.map { try load($0).tokenizer }
    let ids = tokenizers[0].encode(utf8: text)
    #expect(ids.count > 300_000)
    #expect(tokenizers[0].bytes(of: ids) == text)
    for tokenizer in tokenizers.dropFirst() { #expect(tokenizer.encode(utf8: text) == ids) }
  }
}
