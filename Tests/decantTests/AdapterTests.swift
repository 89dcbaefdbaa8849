import Foundation
import JSON
import TestSupport
import Testing

/// Adapters of every spelling on the command line.
@Suite struct AdapterTests {
  private static let fixtures = URL(fileURLWithPath: TinyLlama.path).deletingLastPathComponent().path
  private static let gguf = fixtures + "/GGUFAdapters/plain-f32.gguf"
  private static let mlx = fixtures + "/MLXAdapters/lora"

  @Test(arguments: ["f32", "q8_0"])
  func anAdapterBecomesAGGUF(_ type: String) throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "convert", TinyLlama.adapter("plain"), folder.file("a.gguf"), "--base", TinyLlama.path, "--dtype", type, "--name",
      "Plain",
    ]
    let planned = try Command.run(arguments + ["--dry-run"])
    #expect(planned.exitCode == 0, "\(planned.errors)")
    #expect(planned.output.contains("blk.3.attn_v.weight.lora_b"))
    #expect(try folder.names().isEmpty)
    let done = try Command.run(arguments + ["--json"]).json()
    #expect(done["tensors"]?.array?.count == 16)
    let expected = try Data(contentsOf: URL(fileURLWithPath: Self.fixtures + "/GGUFAdapters/plain-\(type).gguf"))
    #expect(try folder.read("a.gguf") == [UInt8](expected))
  }

  /// The model that the PEFT folder gives, whichever of the two is merged.
  @Test func aGGUFIsMergedAsTheFolderIs() throws {
    let folder = try TemporaryFolder()
    try Command.succeed(
      "merge", TinyLlama.path, Self.gguf, folder.file("one"), "--type", "f32", "--no-provenance", "--quiet")
    try Command.succeed(
      "merge", TinyLlama.path, TinyLlama.adapter("plain"), folder.file("two"), "--type", "f32", "--no-provenance",
      "--quiet")
    #expect(try folder.read("one/model.safetensors") == folder.read("two/model.safetensors"))
  }

  @Test func adaptersOfAllKindsAreAdded() throws {
    let folder = try TemporaryFolder()
    let report = try Command.succeed(
      "merge", TinyLlama.path, Self.gguf + ":0.5", folder.file("m.gguf"), "--adapter", Self.mlx, "--adapter",
      TinyLlama.adapter("plain") + ":-1", "--json"
    ).json()
    #expect(report["merged"]?.array?.count == 10)
    try Command.succeed(
      "rebuild", folder.file("m.gguf"), "--from", TinyLlama.path, "--adapter", Self.gguf, "--adapter", Self.mlx,
      "--adapter", TinyLlama.adapter("plain"))
  }

  @Test func inspectTellsTheSpelling() throws {
    let report = try Command.succeed("inspect", Self.gguf, Self.mlx, TinyLlama.adapter("plain"), "--json").json()
    let shown = report["inspections"]?.array ?? []
    #expect(shown.compactMap { $0["spelling"]?.string } == ["GGUF", "MLX", "PEFT"])
    #expect(shown.allSatisfy { $0["container"] == "adapter" && $0["obstacle"] == nil })
    #expect(try Command.succeed("inspect", Self.gguf).output.contains("LoRA adapter (GGUF)"))
    let whole = try Command.succeed("inspect", Self.gguf, "--tensors", "--metadata", "--json").json()
    #expect(whole["tensors"]?.array?.count == 16 && whole["metadata"]?["adapter.lora.alpha"]?.double == 8)
    #expect(try Command.succeed("inspect", Self.gguf, "--tensors").output.contains("blk.0.attn_q.weight.lora_a"))
  }

  @Test func whatIsNotMeantIsRefused() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("o.gguf")
    for (arguments, exit, part) in [
      (["convert", TinyLlama.adapter("plain"), output], 1, "--base"),
      (["convert", TinyLlama.path, output, "--base", TinyLlama.path], 1, "whole model"),
      (["convert", TinyLlama.adapter("plain"), folder.file("o"), "--base", TinyLlama.path], 1, "GGUF"),
      (["convert", TinyLlama.adapter("dora"), output, "--base", TinyLlama.path], 1, "DoRA"),
      (
        ["convert", TinyLlama.adapter("plain"), output, "--base", TinyLlama.path, "--adapter", Self.mlx], 64,
        "--adapter"
      ),
      (["convert", TinyLlama.adapter("plain"), output, "--base", TinyLlama.path, "--dtype", "q4_0"], 64, "q4_0"),
      (["quantize", Self.gguf, output, "--type", "q8_0"], 1, "--adapter"),
      (["merge", TinyLlama.path, TinyLlama.adapter("plain") + "/adapter_config.json", output], 1, "name its folder"),
    ] as [([String], Int32, String)] {
      let result = try Command.run(arguments)
      #expect(result.exitCode == exit && result.errors.contains(part), "\(arguments): \(result.errors)")
    }
    #expect(try folder.names().isEmpty)
  }
}
