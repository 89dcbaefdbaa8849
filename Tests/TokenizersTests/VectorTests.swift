import Foundation
import Testing

@testable import Tokenizers

/// Ids for llama.cpp's test texts, from every form in which a vocabulary is at hand.
@Suite(.enabled(if: SharedData.isThere, SharedData.reason))
struct VectorTests {
  /// Vectors, and the vocabulary that gives them.
  struct Case: Sendable, CustomTestStringConvertible {
    var vectors: String
    /// Files of a folder, name and place, or nil for the GGUF file of the vectors' name.
    var files: [String: String]?
    /// Ids that are not compared: texts where the vocabulary at hand is known to be another one.
    var testDescription: String { vectors + (files == nil ? " from GGUF" : " from \(files?.keys.sorted() ?? [])") }
  }

  static let cases = [
    Case(vectors: "gpt-2"),
    Case(vectors: "llama-spm"),
    Case(vectors: "refact"),
    Case(vectors: "starcoder"),
    Case(vectors: "mpt"),
    Case(vectors: "falcon"),
    Case(vectors: "gpt-2", files: ["tokenizer.json": "vocab/gpt-2/tokenizer.json"]),
    Case(vectors: "qwen2", files: ["tokenizer.json": "vocab/qwen2/tokenizer.json"]),
    Case(vectors: "deepseek-r1-qwen", files: ["tokenizer.json": "vocab/qwen2/tokenizer.json"]),
    Case(vectors: "llama-spm", files: ["tokenizer.model": "vocab/llama-2/tokenizer.model"]),
    Case(vectors: "llama-spm", files: ["tokenizer.model": "vocab/tinyllama-1.1b-chat/tokenizer.model"]),
    Case(vectors: "llama-spm", files: ["tokenizer.json": "vocab/tinyllama-1.1b-chat/tokenizer.json"]),
  ]

  private func load(_ test: Case) throws -> (tokenizer: Tokenizer, vocabulary: GGUFVocabulary) {
    guard let files = test.files else {
      let path = try SharedData.path("vocab/ggml-vocab/ggml-vocab-\(test.vectors).gguf")
      let vocabulary = try SharedData.vocabulary(path)
      return (try Tokenizer(vocabulary, path: path), vocabulary)
    }
    let folder = try SharedData.folder(linking: files)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let loaded = try TokenizerFolder.load(folder)
    return (loaded.tokenizer, loaded.vocabulary)
  }

  @Test(arguments: cases)
  func idsAreThoseOfTheVectors(_ test: Case) throws {
    let (tokenizer, _) = try load(test)
    for (text, ids) in try SharedData.vectors(test.vectors) {
      #expect(tokenizer.encode(text, addSpecial: false) == ids, "\(text.debugDescription)")
    }
  }

  @Test(arguments: cases)
  func textComesBack(_ test: Case) throws {
    let (tokenizer, _) = try load(test)
    for (text, ids) in try SharedData.vectors(test.vectors) {
      #expect(Array(tokenizer.decode(ids).unicodeScalars) == Array(text.unicodeScalars), "\(text.debugDescription)")
    }
  }

  @Test(arguments: cases)
  func theVocabularyForGGUFGivesTheSameIDs(_ test: Case) throws {
    let tokenizer = try Tokenizer(try load(test).vocabulary, path: "made")
    for (text, ids) in try SharedData.vectors(test.vectors) {
      #expect(tokenizer.encode(text, addSpecial: false) == ids, "\(text.debugDescription)")
    }
  }
}
