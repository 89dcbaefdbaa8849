import Foundation
import JSON
import TestSupport
import Testing

@testable import Tokenizers

/// The small trained model among the fixtures, whose ids are those of the transformers library.
@Suite struct FixtureTests {
  struct Reference: Decodable {
    struct Text: Decodable {
      var text: String
      var ids: [Int32]
    }
    struct Chat: Decodable {
      var rendered: String
      var ids: [Int32]
    }
    var tokenization: [Text]
    var chat: Chat
  }

  static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fixtures")

  let reference: Reference
  let loaded: LoadedTokenizer

  init() throws {
    reference = try JSONDecoder().decode(
      Reference.self, from: Data(contentsOf: Self.fixtures.appendingPathComponent("reference.json")))
    loaded = try TokenizerFolder.load(Self.fixtures.appendingPathComponent("TinyLlama").path)
  }

  /// The tokenizer as it is, from its GGUF vocabulary, and from files made of that.
  private func everyForm() throws -> [(String, Tokenizer)] {
    let folder = try TemporaryFolder()
    for file in try loaded.vocabulary.huggingFaceFiles(path: "made") { try folder.write(file.bytes, to: file.name) }
    return [
      ("as it is", loaded.tokenizer), ("for GGUF", try Tokenizer(loaded.vocabulary, path: "made")),
      ("written again", try TokenizerFolder.load(folder.path).tokenizer),
    ]
  }

  @Test func idsAreThoseOfTransformers() throws {
    for (form, tokenizer) in try everyForm() {
      for text in reference.tokenization {
        let ids = tokenizer.encode(text.text, addSpecial: false, parseSpecial: true)
        #expect(ids == text.ids, "\(form): \(text.text.debugDescription)")
        #expect(tokenizer.decode(text.ids, skipSpecial: false).utf8.elementsEqual(text.text.utf8), "\(form)")
      }
    }
  }

  @Test func specialTokensInTextAreFoundWhenAsked() throws {
    for (form, tokenizer) in try everyForm() {
      let rendered = reference.chat.rendered
      #expect(
        tokenizer.encode(rendered, addSpecial: false, parseSpecial: true) == reference.chat.ids, "\(form)")
      #expect(tokenizer.encode(rendered, addSpecial: false) != reference.chat.ids, "\(form)")
      #expect(tokenizer.decode(reference.chat.ids, skipSpecial: false) == rendered, "\(form)")
    }
  }

  @Test func allEndTokensAreKnown() throws {
    #expect(loaded.tokenizer.bosID == 1020)
    #expect(loaded.tokenizer.eosIDs == [1021, 1023])
    #expect(loaded.vocabulary.eosID == 1021)
    #expect(loaded.vocabulary.eotID == 1023)
    #expect(loaded.vocabulary.addBOS == true)
    #expect(loaded.vocabulary.generationConfiguration["eos_token_id"] == [1021, 1023])
    #expect(loaded.vocabulary.pre == "llama-bpe" || loaded.vocabulary.pre == "smaug-bpe")
    #expect(loaded.vocabulary.chatTemplate?.contains("<|im_start|>") == true)
  }
}
