import Foundation
import JSON
import TestSupport
import Testing

/// `edit`: the one command that changes its input.
@Suite struct EditTests {
  /// A folder with a GGUF of the trained model.
  private static func bench() throws -> (folder: TemporaryFolder, model: String) {
    let folder = try TemporaryFolder()
    try Command.succeed("convert", TinyLlama.path, folder.file("m.gguf"), "--name", "Tiny")
    return (folder, folder.file("m.gguf"))
  }

  private static func metadata(_ path: String) throws -> [String: JSONValue] {
    try #require(try Command.succeed("inspect", path, "--metadata", "--json").json()["metadata"]?.object)
  }

  private static func inode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? Int
  }

  @Test("Each change, and what becomes of the file")
  func changes() throws {
    let (folder, model) = try Self.bench()
    let digests = try Command.succeed("hash", model, "--fast").output
    let template = try folder.write("{{ bos_token }}hello".utf8, to: "t.jinja")
    for (arguments, method, key, value) in [
      (["--set", "general.name=Tiny"], "none", "general.name", "Tiny" as JSONValue),
      (["--set", "general.name=Tine"], "in_place", "general.name", "Tine"),
      (["--set", "general.name=T"], "in_place", "general.name", "T"),
      (
        ["--set", "general.name=\(String(repeating: "long", count: 50))"], "rewritten", "general.name",
        .string(String(repeating: "long", count: 50))
      ),
      (["--set", "llama.context_length=1024"], "in_place", "llama.context_length", 1024),
      (["--set", "tokenizer.ggml.eos_token_id=<|im_start|>"], "in_place", "tokenizer.ggml.eos_token_id", 1022),
      (["--set", "tokenizer.ggml.eos_token_id=3"], "in_place", "tokenizer.ggml.eos_token_id", 3),
      (["--chat-template", template], "in_place", "tokenizer.chat_template", "{{ bos_token }}hello"),
      (["--set", "x.new:[string]=[\"a\",\"b=c\"]"], "in_place", "x.new", ["a", "b=c"]),
      (["--rename", "x.new=x.newer"], "in_place", "x.newer", ["a", "b=c"]),
      (["--remove", "x.newer"], "in_place", "x.newer", .null),
      (["--set", "general.url=https://example.org/a=b"], "in_place", "general.url", "https://example.org/a=b"),
    ] {
      let before = try folder.read("m.gguf")
      let planned = try Command.run(["edit", model, "--dry-run", "--json"] + arguments).json()
      #expect(try folder.read("m.gguf") == before)
      let file = try Self.inode(model)
      let report = try Command.run(["edit", model, "--json"] + arguments).json()
      #expect(report["method"] == .string(method) && planned == report, "\(arguments)")
      #expect(report["bytes"]?.int == (try folder.read("m.gguf").count))
      #expect(try Self.metadata(model)[key] ?? .null == value, "\(arguments)")
      #expect(try (Self.inode(model) == file) == (method != "rewritten"))
      #expect(try Command.succeed("hash", model, "--fast").output == digests)
    }
    #expect(try folder.names() == ["m.gguf", "t.jinja"])
  }

  @Test func elementsByNumberAndByToken() throws {
    let (folder, model) = try Self.bench()
    try Command.succeed(
      "edit", model, "--set", "tokenizer.ggml.token_type[<|im_end|>]=user_defined", "--set",
      "tokenizer.ggml.token_type[5]=6", "--set", "tokenizer.ggml.tokens[7]==]=")
    let metadata = try Self.metadata(model)
    let types = try #require(metadata["tokenizer.ggml.token_type"]?.array)
    let tokens = try #require(metadata["tokenizer.ggml.tokens"]?.array)
    let end = try #require(tokens.firstIndex(of: "<|im_end|>"))
    #expect(types[end] == 4 && types[5] == 6 && tokens[7] == "=]=")
    #expect(try folder.names() == ["m.gguf"])
  }

  @Test func whatIsRefusedChangesNothing() throws {
    let (folder, model) = try Self.bench()
    try Command.succeed("pack", model, folder.file("m.gguf.zst"))
    try FileManager.default.createSymbolicLink(atPath: folder.file("link.gguf"), withDestinationPath: model)
    let sharded = try TinyCheckpoint { $0.shardCount = 2 }.write(to: folder.file("sharded"))
    let before = try folder.read("m.gguf")
    for (path, arguments, mention) in [
      (model, ["--set", "split.no=1"], "where the bytes"),
      (model, ["--set", "general.alignment=64"], "where the bytes"),
      (model, ["--set", "tokenizer.ggml.eos_token_id=1024"], "1024 tokens, and no id 1024"),
      (model, ["--set", "tokenizer.ggml.eos_token_id=nobody"], "no token of the vocabulary"),
      (model, ["--set", "llama.block_count=many"], "not a value of type u32"),
      (model, ["--set", "x.new=1"], "a type has to be said"),
      (model, ["--remove", "context_length"], "llama.context_length"),
      (model, ["--remove", "general.architecture"], "not removed"),
      (model, ["--rename", "general.name=general.type"], "already"),
      (model, ["--set", "tokenizer.ggml.tokens[1024]=x"], "no number 1024"),
      (model, ["--set", "general.type:u32=1"], "UTF-8 string"),
      (folder.file("link.gguf"), ["--set", "general.name=x"], "is a link"),
      (folder.file("m.gguf.zst"), ["--set", "general.name=x"], "is packed"),
      (folder.file("none.gguf"), ["--set", "general.name=x"], "no such file"),
      (sharded, ["--set", "format=x"], "2 files of weights"),
    ] { try Command.expectFailure(["edit", path] + arguments, mentions: [mention]) }
    try FileManager.default.linkItem(atPath: model, toPath: folder.file("hard.gguf"))
    try Command.expectFailure(["edit", model, "--set", "general.name=x"], mentions: ["2 names"])
    #expect(try folder.read("m.gguf") == before)
    for arguments in [["edit", model], ["edit", model, "--set", "name"], ["edit", model, "--rename", "a="]] {
      #expect(try Command.run(arguments).exitCode == 64)
    }
  }

  @Test("The metadata of safetensors, in a folder of one file too")
  func safetensors() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    let digests = try Command.succeed("hash", model, "--fast").output
    for (arguments, method, expected) in [
      (["--set", "note=a \"quoted\" word"], "rewritten", ["format": "pt", "note": "a \"quoted\" word"] as JSONValue),
      (["--rename", "note=other", "--set", "other=b"], "in_place", ["format": "pt", "other": "b"]),
      (["--remove", "other"], "in_place", ["format": "pt"]), (["--set", "format=np"], "in_place", ["format": "np"]),
    ] {
      let report = try Command.run(["edit", model, "--json"] + arguments).json()
      #expect(report["method"] == .string(method), "\(arguments)")
      #expect(try Command.succeed("inspect", model, "--metadata", "--json").json()["metadata"] == expected)
      #expect(try Command.succeed("hash", model, "--fast").output == digests)
    }
    try Command.expectFailure(["edit", model, "--set", "tokenizer.chat_template=x"], mentions: ["chat_template.jinja"])
  }

  @Test("The first file of a set has the metadata, and what was written for others stays theirs")
  func ofASet() throws {
    let (folder, model) = try Self.bench()
    try Command.succeed("split", model, folder.file("s.gguf"), "--max-tensors", "20")
    let second = folder.file("s-00002-of-00002.gguf")
    try Command.succeed("edit", second, "--set", "general.name=Another name that is longer")
    #expect(try Self.metadata(second)["general.name"] == "Another name that is longer")
    try Command.succeed("hash", second, "--fast")
    #expect(try folder.names() == ["m.gguf", "s-00001-of-00002.gguf", "s-00002-of-00002.gguf"])
  }

  @Test("Mode stays what it is", arguments: [0o600, 0o640, 0o664])
  func mode(_ mode: Int) throws {
    let (folder, model) = try Self.bench()
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: model)
    for name in ["Tin", String(repeating: "x", count: 100)] {
      try Command.succeed("edit", model, "--set", "general.name=\(name)")
      #expect(try FileManager.default.attributesOfItem(atPath: model)[.posixPermissions] as? Int == mode)
    }
    #expect(try folder.names() == ["m.gguf"])
  }
}
