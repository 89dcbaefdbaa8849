import Architectures
import Bytes
import Conversion
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
