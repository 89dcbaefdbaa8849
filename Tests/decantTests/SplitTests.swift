import Foundation
import JSON
import TestSupport
import Testing

/// `split` and `join`: other files, the same model.
@Suite struct SplitTests {
  @Test func aSetIsThatOfLlamaGGUFSplit() throws {
    let folder = try TemporaryFolder()
    let fixtures = Fixtures(of: "GGUF")
    let whole = fixtures.path("llama-gguf-split/whole.gguf")
    try Command.succeed("split", whole, folder.file("parts.gguf"), "--max-tensors", "2")
    let names = fixtures.names(in: "llama-gguf-split", suffix: ".gguf").filter { $0 != "whole.gguf" }
    #expect(try folder.names() == names && names.count == 3)
    for name in names { #expect(try folder.read(name) == fixtures.bytes("llama-gguf-split/\(name)"), "\(name)") }
    try Command.succeed("join", folder.file(names[1]), folder.file("back.gguf"))
    // What joins there leaves a count of 0; here the keys are gone, as in what was split.
    #expect(try folder.read("back.gguf") == fixtures.bytes("llama-gguf-split/whole.gguf"))
  }

  @Test(
    "Split and joined, a GGUF is what it was", arguments: [["--max-shard-size", "700kB"], ["--max-tensors", "5"]])
  func roundTripOfGGUF(_ division: [String]) throws {
    let folder = try TemporaryFolder()
    let model = folder.file("m.gguf")
    try Command.succeed("quantize", TinyLlama.path, model, "--type", "q4_k_m")
    let report = try Command.run(["split", model, folder.file("s.gguf"), "--json"] + division).json()
    let files = try #require(report["files"]?.array)
    #expect(files.count > 2 && report["tensors"] == 39)
    let first = folder.file(try #require(files[0]["name"]?.string))
    #expect(try Command.succeed("diff", model, first).output.contains("no difference"))
    let inspected = try Command.succeed("inspect", first, "--json").json()
    #expect(inspected["provenance"]?["edited"] == false)
    #expect(inspected["provenance"]?["recipe"]?["type"] == "q4_k_m")
    try Command.expectFailure(["rebuild", first, "--from", TinyLlama.path], mentions: ["split or joined"])
    try Command.succeed("join", first, folder.file("back.gguf"))
    #expect(try folder.read("back.gguf") == folder.read("m.gguf"))
    try Command.succeed("rebuild", folder.file("back.gguf"), "--from", TinyLlama.path)
  }

  @Test("A folder of safetensors", arguments: [["--max-shard-size", "1MB"], ["--max-tensors", "9"]])
  func roundTripOfSafetensors(_ division: [String]) throws {
    let folder = try TemporaryFolder()
    let (shards, whole) = (folder.file("shards"), folder.file("whole"))
    #expect(try Command.run(["split", TinyLlama.path, shards] + division).exitCode == 0)
    #expect(
      try Command.succeed("hash", shards, "--fast").output == Command.succeed("hash", TinyLlama.path, "--fast").output)
    #expect(try Command.succeed("inspect", shards, "--json").json()["files"]?.array?.count ?? 0 > 4)
    try Command.succeed("join", shards, whole)
    let small = [
      "config.json", "generation_config.json", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json",
    ]
    #expect(try folder.names(in: "whole") == (small + ["model.safetensors"]).sorted())
    for name in small { #expect(try FileBytes.read(whole + "/" + name) == FileBytes.read(TinyLlama.file(name))) }
    #expect(try Command.succeed("diff", TinyLlama.path, whole).output.contains("no difference"))
    try Command.succeed("join", shards, folder.file("one.safetensors"))
    #expect(try folder.read("one.safetensors") == folder.read("whole/model.safetensors"))
  }

  @Test func aRecordStaysTrue() throws {
    let folder = try TemporaryFolder()
    try Command.succeed("quantize", TinyLlama.path, folder.file("nf4"), "--type", "nf4")
    try Command.succeed("split", folder.file("nf4"), folder.file("shards"), "--max-tensors", "50")
    let provenance = try Command.succeed("inspect", folder.file("shards"), "--json").json()["provenance"]
    #expect(provenance?["edited"] == false && provenance?["recipe"]?["type"] == "nf4")
    try Command.succeed("join", folder.file("shards"), folder.file("back"))
    // Of one file, header and all.
    #expect(try folder.read("back/model.safetensors") == folder.read("nf4/model.safetensors"))
  }

  @Test func whatCannotBe() throws {
    let folder = try TemporaryFolder()
    let gguf = folder.file("m.gguf")
    let model = try TinyCheckpoint { $0.shardCount = 2 }.write(to: folder.file("model"))
    try Command.succeed("convert", model, gguf)
    let shard = model + "/model-00001-of-00002.safetensors"
    for (arguments, mention) in [
      (["split", gguf, folder.file("x.safetensors"), "--max-tensors", "2"], "stays in its container"),
      (["split", model, folder.file("x.safetensors"), "--max-tensors", "2"], "name a folder"),
      (["split", gguf, gguf, "--max-tensors", "2"], "is the input"),
      (["join", shard, folder.file("x")], "one file of several"),
      (["join", folder.file("nothing"), folder.file("x")], "no such file"),
    ] { try Command.expectFailure(arguments, mentions: [mention]) }
    #expect(try folder.names() == ["m.gguf", "model"])
    for arguments in [
      ["split", gguf, folder.file("x")], ["split", gguf, folder.file("x"), "--max-tensors", "0"],
      ["split", gguf, folder.file("x"), "--max-tensors", "1", "--max-shard-size", "1MB"],
    ] { #expect(try Command.run(arguments).exitCode == 64) }
    let planned = try Command.succeed("split", gguf, folder.file("x"), "--max-tensors", "9", "--dry-run").output
    #expect(planned.contains("x-00003-of-00003.gguf"))
    #expect(try folder.names() == ["m.gguf", "model"])
  }
}

extension TemporaryFolder {
  /// Names in one of the folders in it.
  fileprivate func names(in name: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: file(name)).sorted()
  }
}
