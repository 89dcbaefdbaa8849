import Bytes
import Foundation
import GGUF
import Tensors
import Testing
import Tokenizers

/// Vocabularies and texts too large to keep here. Tests that want them read the folder that `DECANT_SHARED` names.
enum SharedData {
  static let folder = ProcessInfo.processInfo.environment["DECANT_SHARED"]
  static let isThere = folder != nil
  static let reason: Comment = "DECANT_SHARED does not name the folder of shared vocabularies and texts"

  static func path(_ name: String) throws -> String { try #require(folder) + "/" + name }

  /// llama.cpp's vectors of a vocabulary: texts, and the ids of each without a token for the beginning.
  static func vectors(_ name: String) throws -> [(text: String, ids: [Int32])] {
    let stem = try path("vocab/ggml-vocab/ggml-vocab-\(name).gguf")
    let input = try String(contentsOfFile: stem + ".inp", encoding: .utf8)
    let texts = input.components(separatedBy: "\n__ggml_vocab_test__\n").map { String($0) }
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

  /// A folder with links to some of the shared files, for what is told by the files that are there.
  static func folder(linking files: [String: String]) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("decant-" + UUID().uuidString).path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for (name, target) in files {
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/" + name, withDestinationPath: try path(target))
    }
    return folder
  }
}
