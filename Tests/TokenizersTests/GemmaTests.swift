import TestSupport
import Testing

@testable import Tokenizers

/// Gemma's folders: byte-pair encoding over characters in tokenizer.json, and the scores of it in tokenizer.model.
@Suite struct GemmaTests {
  static let json = #"""
    {"added_tokens": [
       {"id": 0, "content": "<pad>", "special": true}, {"id": 1, "content": "<eos>", "special": true},
       {"id": 2, "content": "<bos>", "special": true}, {"id": 3, "content": "<unk>", "special": true},
       {"id": 4, "content": "<start_of_turn>", "special": true, "normalized": false},
       {"id": 5, "content": "\n\n", "special": false, "normalized": false}],
     "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
     "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false},
     "post_processor": {"type": "TemplateProcessing", "single": [
       {"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
       "special_tokens": {"<bos>": {"id": "<bos>", "ids": [2], "tokens": ["<bos>"]}}},
     "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
       "vocab": {"<pad>": 0, "<eos>": 1, "<bos>": 2, "<unk>": 3, "<start_of_turn>": 4, "\n\n": 5, "<0xC3>": 6,
         "\t": 7, "<0x0A>": 8, "<0xA9>": 9, "▁": 10, "a": 11, "b": 12, "▁a": 13, "ab": 14},
       "merges": ["a b", "▁ a"]}}
    """#
  static let configuration = #"""
    {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>", "add_bos_token": true,
     "tokenizer_class": "GemmaTokenizer"}
    """#

  /// A `tokenizer.model`, which is a list of messages: text, score and kind of each piece.
  static func model(_ pieces: [(text: String, score: Float, kind: UInt8)]) -> [UInt8] {
    pieces.flatMap { piece -> [UInt8] in
      let text = [0x0A, UInt8(piece.text.utf8.count)] + Array(piece.text.utf8)
      let bits = piece.score.bitPattern
      let score = [0x15] + (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
      let message = text + score + [0x18, piece.kind]
      return [0x0A, UInt8(message.count)] + message
    }
  }

  @Test func aFolderBecomesASentencePieceVocabulary() throws {
    let texts = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "\n\n", "<0xC3>", "<0x09>", "<0x0A>", "<0xA9>"]
    let kinds: [UInt8] = [3, 3, 3, 2, 4, 4, 6, 6, 6, 6]
    let pieces: [(text: String, score: Float, kind: UInt8)] =
      zip(texts, kinds).map { (text: $0, score: Float(0), kind: $1) }
      + [("▁", -3, 1), ("a", -4, 1), ("b", -5, 1), ("▁a", -1.5, 1), ("ab", -0.5, 1)]
    let folder = try TemporaryFolder()
    try folder.write(Self.json.utf8, to: "tokenizer.json")
    try folder.write(Self.configuration.utf8, to: "tokenizer_config.json")
    let alone = try TokenizerFolder.load(folder.path).vocabulary
    #expect(alone.scores?.suffix(2) == [-1, 0])
    try folder.write(Self.model(pieces), to: "tokenizer.model")
    let loaded = try TokenizerFolder.load(folder.path)
    let vocabulary = loaded.vocabulary
    #expect(vocabulary.model == "llama" && vocabulary.pre == "default")
    #expect(vocabulary.addSpacePrefix == false && vocabulary.addBOS == true && vocabulary.bosID == 2)
    // The tabulator that stands for its byte does not hinder that the scores are the model's.
    #expect(vocabulary.scores == pieces.map(\.score))
    #expect(vocabulary.tokens[7] == "\t")
    #expect(loaded.losses.isEmpty)
    let gguf = try Tokenizer(vocabulary, path: "made")
    for (text, ids) in [
      ("ab a", [14, 13]), (" ab", [10, 14]), ("a\tb\né", [11, 7, 12, 8, 6, 9]), ("a\n\nb", [11, 5, 12]),
      ("<start_of_turn>a", [4, 11]), ("  a", [10, 13]),
    ] as [(String, [Int32])] {
      for tokenizer in [loaded.tokenizer, gguf] {
        #expect(tokenizer.encode(text, parseSpecial: true) == [2] + ids, "\(text.debugDescription)")
        #expect(tokenizer.decode(ids, skipSpecial: false) == text)
      }
    }
  }
}
