import Foundation
import GGUF
import Tensors
import TestSupport
import Testing
@testable import Tokenizers

/// Tokenizers among the shared files, and what others say their ids are.
enum Vectors {
  /// llama.cpp's vectors of a vocabulary: texts, and the ids of each without a token for the beginning.
  static func named(_ name: String) throws -> [(text: String, ids: [Int32])] {
    let stem = SharedData.path("vocab/ggml-vocab/ggml-vocab-\(name).gguf")
    let input = try String(contentsOfFile: stem + ".inp", encoding: .utf8)
    let texts = input.components(separatedBy: "\n__ggml_vocab_test__\n")
    let lines = try String(contentsOfFile: stem + ".out", encoding: .utf8).components(separatedBy: "\n")
    let ids = lines.prefix(texts.count).map { $0.split(separator: " ").compactMap { Int32($0) } }
    try #require(ids.count == texts.count && texts.count > 40)
    return Array(zip(texts, ids))
  }

  /// The vocabulary in a GGUF file.
  static func vocabulary(_ path: String) throws -> GGUFVocabulary {
    let metadata = try GGUFFile(path: path).metadata
    func id(_ key: String) throws -> Int32? {
      try metadata.unsigned("tokenizer.ggml.\(key)_token_id").flatMap(GGUFVocabulary.id)
    }
    return GGUFVocabulary(
      model: try metadata.string("tokenizer.ggml.model") ?? "", pre: try metadata.string("tokenizer.ggml.pre"),
      tokens: metadata["tokenizer.ggml.tokens"]?.strings ?? [],
      scores: metadata["tokenizer.ggml.scores"]?.floats,
      tokenTypes: try metadata.integers("tokenizer.ggml.token_type")?.map { Int32($0) } ?? [],
      merges: metadata["tokenizer.ggml.merges"]?.strings ?? [],
      bosID: try id("bos"), eosID: try id("eos"), eotID: try id("eot"), eomID: try id("eom"),
      unknownID: try id("unknown"), paddingID: try id("padding"), separatorID: try id("seperator"),
      maskID: try id("mask"), addBOS: try metadata.bool("tokenizer.ggml.add_bos_token"),
      addEOS: try metadata.bool("tokenizer.ggml.add_eos_token"),
      addSpacePrefix: try metadata.bool("tokenizer.ggml.add_space_prefix"),
      chatTemplate: try metadata.string("tokenizer.chat_template"))
  }

  /// Llama 3's vocabulary from the list of ranks that its makers publish. A list of ranks implies the merges: every cut
  /// of a token into two tokens, in order of rank.
  static func llama3() throws -> GGUFVocabulary {
    let bytes = try Data(contentsOf: URL(fileURLWithPath: SharedData.path("vocab/llama-3/tokenizer.model")))
    let tokens = try bytes.split(separator: UInt8(ascii: "\n")).map { line in
      let word = try #require(line.split(separator: UInt8(ascii: " ")).first)
      return [UInt8](try #require(Data(base64Encoded: Data(word))))
    }
    let ranks = Dictionary(uniqueKeysWithValues: zip(tokens, tokens.indices))
    var merges: [String] = []
    for token in tokens where token.count > 1 {
      let cuts = (1..<token.count).compactMap { place -> (left: Int, right: Int)? in
        guard let left = ranks[Array(token[..<place])], let right = ranks[Array(token[place...])] else { return nil }
        return (left, right)
      }
      for cut in cuts.sorted(by: { ($0.left, $0.right) < ($1.left, $1.right) }) {
        merges.append(ByteAlphabet.text(of: tokens[cut.left]) + " " + ByteAlphabet.text(of: tokens[cut.right]))
      }
    }
    return GGUFVocabulary(
      model: "gpt2", pre: "llama-bpe", tokens: tokens.map { ByteAlphabet.text(of: $0) } + ["<|begin_of_text|>"],
      tokenTypes: tokens.map { _ in 1 } + [3], merges: merges, bosID: Int32(tokens.count))
  }
}
