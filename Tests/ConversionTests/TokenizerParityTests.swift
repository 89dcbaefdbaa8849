import Architectures
import Bytes
import Conversion
import Foundation
import GGUF
import JSON
import Tensors
import TestSupport
import Testing
import Tokenizers

/// The tokenizer that a written GGUF carries is the one in tokenizer.json.
@Suite struct TokenizerParityTests {
  @Test func idsAreTheSame() async throws {
    let bench = try Workbench()
    let gguf = try await bench.convert(TinyLlama.path, to: "m.gguf")
    let back = try await bench.convert(gguf, to: "back")
    let tokenizers = try [TinyLlama.path, gguf, back].map { try ModelTokenizer.load(of: try Checkpoint(path: $0)) }
    let strings = try #require(try TinyLlama.reference()["tokenization"]?.array)
    #expect(strings.count > 5)
    for entry in strings {
      let text = try #require(entry["text"]?.string)
      let ids = try #require(entry["ids"]?.array).compactMap(\.int)
      for tokenizer in tokenizers {
        #expect(tokenizer.encode(text, addSpecial: false, parseSpecial: true).map(Int.init) == ids, "\(text)")
      }
    }
    for tokenizer in tokenizers {
      #expect(tokenizer.bosID == 1020)
      #expect(tokenizer.addsBOS)
      #expect(tokenizer.eosIDs.sorted() == [1021, 1023], "every id that ends a text or a turn")
    }
  }

  /// An expression that nobody knows, in the place of the model's own.
  @Test func aCutThatIsNotKnownIsNamed() async throws {
    let bench = try Workbench()
    try FileManager.default.copyItem(atPath: TinyLlama.path, toPath: bench.path("model"))
    let path = bench.path("model/tokenizer.json")
    var document = try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))).object ?? [:]
    let expression = #"\p{Lu}?\p{Ll}+|\d|[^\p{L}\d]+"#
    let split: JSONValue = ["type": "Split", "pattern": ["Regex": .string(expression)], "behavior": "Isolated"]
    let bytes: JSONValue = ["type": "ByteLevel", "add_prefix_space": false, "use_regex": false]
    document["pre_tokenizer"] = ["type": "Sequence", "pretokenizers": [split, bytes]]
    try Data(JSONValue.object(document).serialized()).write(to: URL(fileURLWithPath: path))

    let error = await #expect(throws: FileError.self) { try await bench.convert(bench.path("model"), to: "m.gguf") }
    #expect(error?.description.contains(expression) == true && error?.remedies == [.namePreTokenizer])
    var recipe = Recipe(.keep)
    recipe.preTokenizer = "no such"
    let unknown = await #expect(throws: FileError.self) {
      try await bench.convert(bench.path("model"), to: "m.gguf", recipe)
    }
    #expect(unknown?.description.contains("llama-bpe, llama3") == true)
    recipe.preTokenizer = "qwen2"
    let gguf = try await bench.convert(bench.path("model"), to: "m.gguf", recipe)
    #expect(try GGUFFile(path: gguf).metadata["tokenizer.ggml.pre"]?.string == "qwen2")
    #expect(try await Rebuild(of: gguf, from: bench.path("model")).run().differences.isEmpty)
    let named = try ModelTokenizer.load(of: try Checkpoint(path: bench.path("model")), preTokenizer: "qwen2")
    let stored = try ModelTokenizer.load(of: try Checkpoint(path: gguf))
    #expect(named.encode("It's 1234 words") == stored.encode("It's 1234 words"))

    // The way back has the expression again; a GGUF may be given another name.
    let back = try await bench.convert(gguf, to: "back")
    let again = try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: back + "/tokenizer.json"))))
    #expect(again["pre_tokenizer"] == document["pre_tokenizer"])
    recipe.preTokenizer = "gpt-2"
    let other = try await bench.convert(gguf, to: "other.gguf", recipe)
    #expect(try GGUFFile(path: other).metadata["tokenizer.ggml.pre"]?.string == "gpt-2")
    let folder = try await bench.convert(gguf, to: "folder", recipe)
    let written = try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: folder + "/tokenizer.json"))))
    #expect(written["pre_tokenizer"]?["type"]?.string == "ByteLevel")
    let useless = await #expect(throws: FileError.self) {
      try await bench.convert(bench.path("model"), to: "copy", recipe)
    }
    #expect(useless?.message.contains("naming a pre-tokenizer is for GGUF outputs") == true)
  }

  /// Each time would be a copy of the template.
  @Test func aTemplateThatIsNamedAgainIsOne() throws {
    var metadata = GGUFMetadata()
    metadata["tokenizer.ggml.model"] = .string("gpt2")
    metadata["tokenizer.ggml.tokens"] = .strings(["a"])
    metadata["tokenizer.chat_templates"] = .strings(["tool", "none", "rag"] + Array(repeating: "tool", count: 1000))
    metadata["tokenizer.chat_template.tool"] = .string("T")
    metadata["tokenizer.chat_template.rag"] = .string("R")
    let vocabulary = try #require(try VocabularyMetadata.vocabulary(in: metadata))
    #expect(vocabulary.namedTemplates == [.init(name: "tool", template: "T"), .init(name: "rag", template: "R")])
  }

  @Test func aChatIsReadWithItsSpecialTokens() async throws {
    let bench = try Workbench()
    let gguf = try await bench.convert(TinyLlama.path, to: "m.gguf")
    let chat = try #require(try TinyLlama.reference()["chat"])
    let text = try #require(chat["rendered"]?.string)
    let ids = try #require(chat["ids"]?.array).compactMap(\.int)
    for path in [TinyLlama.path, gguf] {
      let tokenizer = try ModelTokenizer.load(of: try Checkpoint(path: path))
      #expect(tokenizer.encode(text, addSpecial: false, parseSpecial: true).map(Int.init) == ids)
    }
  }
}

/// Models that are measured side by side speak of the same tokens.
@Suite struct ModelVocabulariesTests {
  private func model(_ bench: Workbench, _ name: String, _ tokens: String) throws -> Checkpoint {
    let path = try bench.write(TinyCheckpoint(), as: name)
    let json = """
      {"added_tokens": [{"id": 5, "content": "▁x", "special": false, "normalized": false}],
      "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true}, "decoder": {"type": "ByteLevel"},
      "model": {"type": "BPE", "vocab": {\(tokens)}, "merges": []}}
      """
    try bench.folder.write(json.utf8, to: name + "/tokenizer.json")
    return try Checkpoint(path: path)
  }

  @Test func theFirstIdThatDiffersIsShown() async throws {
    let bench = try Workbench()
    let one = try model(bench, "one", #""a": 0, "b": 1, "c": 2"#)
    let other = try model(bench, "other", #""a": 0, "c": 1, "b": 2"#)
    let fewer = try model(bench, "fewer", #""a": 0, "b": 1"#)
    let converted = try Checkpoint(path: try await bench.convert(one, to: "one.gguf"))
    try ModelVocabularies.requireSame(one, one)
    // Padding, and a user's token with spaces, are spelled in two ways.
    try ModelVocabularies.requireSame(one, converted)
    try ModelVocabularies.requireSame(converted, one)
    for (before, after, words) in [
      (one, other, [#"id 1 is "c" here, and "b" in"#]), (one, fewer, [#"id 2 is no token here, and "c" in"#]),
      (fewer, converted, [#"id 2 is "c" here, and no token in"#]),
    ] {
      let error = #expect(throws: FileError.self) { try ModelVocabularies.requireSame(before, after) }
      for word in words { #expect(error?.description.contains(word) == true, "\(error?.description ?? "")") }
    }
    // One without a tokenizer is not asked.
    try ModelVocabularies.requireSame(one, try Checkpoint(path: try bench.write(TinyCheckpoint(), as: "none")))
  }

  @Test func idsBeyondTheRowsAreToldWithBothNumbers() throws {
    let bench = try Workbench()
    let model = try model(bench, "model", #""a": 0, "b": 9999"#)
    let tokenizer = try ModelTokenizer.load(of: model)
    try ModelVocabularies.requireRows(for: tokenizer.encode("aaa"), of: tokenizer, in: model)
    let error = #expect(throws: FileError.self) {
      try ModelVocabularies.requireRows(for: tokenizer.encode("ab"), of: tokenizer, in: model)
    }
    let rows = try #require(model.model?.vocabularySize)
    for word in ["has 10000 tokens", "has \(rows) rows", #"id 9999 ("b")"#, "resize_token_embeddings"] {
      #expect(error?.description.contains(word) == true)
    }
  }
}
