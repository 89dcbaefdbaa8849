import Foundation
import JSON
import TestSupport
import Testing

/// Models are compared only where they read a text as the same tokens.
@Suite struct ComparedTokensTests {
  /// TinyLlama with another tokenizer.json.
  private static func model(
    _ folder: TemporaryFolder, _ change: (inout [String: JSONValue]) throws -> Void
  ) throws -> String {
    let path = folder.file("changed")
    try FileManager.default.copyItem(atPath: TinyLlama.path, toPath: path)
    let file = try JSONValue(parsing: Array(Data(contentsOf: URL(fileURLWithPath: path + "/tokenizer.json"))))
    var members = try #require(file.object)
    try change(&members)
    try folder.write(try JSONValue.object(members).serialized(), to: "changed/tokenizer.json")
    return path
  }

  private static func compare(_ before: String, _ after: String, _ more: String...) throws -> Command.Result {
    try Command.run(
      ["compare", before, after, "--text", TinyLlama.heldOutText, "--context", "32", "--chunks", "2", "--json"] + more)
  }

  private static func changeModel(
    _ members: inout [String: JSONValue], _ change: (inout [String: JSONValue]) throws -> Void
  ) throws {
    var model = try #require(members["model"]?.object)
    try change(&model)
    members["model"] = .object(model)
  }

  @Test("The same tokens with other ids", arguments: [false, true])
  func otherIds(_ isGGUF: Bool) throws {
    let folder = try TemporaryFolder()
    var changed = try Self.model(folder) { members in
      try Self.changeModel(&members) { model in
        var vocabulary = try #require(model["vocab"]?.object)
        // The last two tokens change places.
        let last = vocabulary.sorted { ($0.value.int ?? 0) < ($1.value.int ?? 0) }.suffix(2).map { $0 }
        (vocabulary[last[0].key], vocabulary[last[1].key]) = (last[1].value, last[0].value)
        model["vocab"] = .object(vocabulary)
      }
    }
    if isGGUF {
      try Command.succeed("convert", changed, folder.file("m.gguf"))
      changed = folder.file("m.gguf")
    }
    let result = try Self.compare(TinyLlama.path, changed)
    #expect(result.exitCode == 1 && result.errors.contains("different vocabularies"), "\(result.errors)")
    #expect(try Self.compare(TinyLlama.path, changed, "--tokenizer", TinyLlama.path).json()["kl"]?["mean"]?.double == 0)
  }

  @Test("The same tokens, put together in another order", arguments: [false, true])
  func otherMerges(_ isGGUF: Bool) throws {
    let folder = try TemporaryFolder()
    var changed = try Self.model(folder) { members in
      try Self.changeModel(&members) { model in
        model["merges"] = .array(Array(try #require(model["merges"]?.array).reversed()))
      }
    }
    if isGGUF {
      try Command.succeed("convert", changed, folder.file("m.gguf"))
      changed = folder.file("m.gguf")
    }
    let result = try Self.compare(TinyLlama.path, changed)
    #expect(result.exitCode == 1 && result.errors.contains("reads the text as other tokens"), "\(result.errors)")
    #expect(try Self.compare(TinyLlama.path, changed, "--tokenizer", TinyLlama.path).json()["kl"]?["mean"]?.double == 0)
  }

  @Test func aTokenizerThatCannotBeReadIsSaid() throws {
    let folder = try TemporaryFolder()
    let changed = try Self.model(folder) { $0["model"] = ["type": "Unigram", "vocab": []] }
    let result = try Self.compare(TinyLlama.path, changed)
    #expect(result.exitCode == 1 && result.errors.contains("--tokenizer"), "\(result.errors)")
  }

  @Test func aModelInBothContainersIsTheSame() throws {
    let folder = try TemporaryFolder()
    try Command.succeed("convert", TinyLlama.path, folder.file("m.gguf"))
    #expect(try Self.compare(TinyLlama.path, folder.file("m.gguf")).json()["kl"]?["mean"]?.double == 0)
    #expect(try Self.compare(folder.file("m.gguf"), TinyLlama.path).json()["kl"]?["mean"]?.double == 0)
  }

  @Test func memoryThatDoesNotSuffice() throws {
    let arguments = ["--text", TinyLlama.heldOutText, "--context", "32", "--chunks", "2", "--memory", "1MB"]
    for command in [["perplexity", TinyLlama.path], ["compare", TinyLlama.path, TinyLlama.path]] {
      let result = try Command.run(command + arguments)
      #expect(result.exitCode == 1 && result.errors.contains("--memory allows more"), "\(result.errors)")
    }
  }
}
