import Foundation
import JSON
import TestSupport
import Testing

/// Models of a family that is not known, from the command line: what stays in its container is done, and a note says what
/// is not known.
@Suite struct UnknownFamilyTests {
  private static let checkpoint = TinyCheckpoint {
    $0.settings = ["architectures": ["RwkvForCausalLM"], "model_type": "rwkv"]
  }

  /// A GGUF of 3 layers of an architecture that is not known.
  private func writeGGUF(_ folder: TemporaryFolder) throws -> String {
    let llama = try TinyCheckpoint { $0.layers = 3 }.write(to: folder.file("llama"))
    try Command.succeed("convert", llama, folder.file("llama.gguf"))
    try Command.succeed(
      "quantize", folder.file("llama.gguf"), folder.file("unknown.gguf"), "--type", "bf16", "--override-kv",
      "general.architecture=str:rwkv9", "--override-kv", "rwkv9.block_count=int:3")
    return folder.file("unknown.gguf")
  }

  @Test func aFolderIsQuantizedAndCopied() throws {
    let folder = try TemporaryFolder()
    let model = try Self.checkpoint.write(to: folder.file("model"))
    let said = try Command.succeed("quantize", model, folder.file("nf4"), "--type", "nf4").errors
    #expect(said.contains("RwkvForCausalLM is not a class of models that is known"), "\(said)")
    let report = try Command.succeed("inspect", folder.file("nf4"), "--json").json()
    #expect(report["types"]?["nf4"]?["tensors"] == 14)
    #expect(report["model"] == nil && report["obstacle"] == nil)
    #expect(report["remarks"]?.array?.contains { $0.string?.contains("RwkvForCausalLM") == true } == true)
    try Command.succeed("convert", model, folder.file("copy"))
    let (one, other) = try (
      GoldenFile(path: model + "/model.safetensors"), GoldenFile(path: folder.file("copy/model.safetensors"))
    )
    #expect(one.keys == other.keys)
    for key in one.keys { #expect(try one.bytes(key) == other.bytes(key), "\(key)") }
    try Command.succeed("pack", model + "/model.safetensors", folder.file("packed.zst"))
    try Command.succeed("unpack", folder.file("packed.zst"), folder.file("unpacked.safetensors"))
    #expect(try folder.read("unpacked.safetensors") == folder.read("model/model.safetensors"))
    let config = try JSONValue(parsing: folder.read("nf4/config.json"))
    #expect(config["architectures"] == ["RwkvForCausalLM"])
  }

  @Test func aGGUFIsQuantizedAndPruned() throws {
    let folder = try TemporaryFolder()
    let model = try writeGGUF(folder)
    let said = try Command.succeed("quantize", model, folder.file("q8_0.gguf"), "--type", "q8_0").errors
    #expect(said.contains("\"rwkv9\" is not an architecture that is known"), "\(said)")
    try Command.succeed("convert", model, folder.file("copy.gguf"))
    try Command.succeed(
      "quantize", model, folder.file("pruned.gguf"), "--type", "q8_0", "--prune-layers", "0,2")
    let report = try Command.succeed("inspect", folder.file("pruned.gguf"), "--json", "--metadata").json()
    #expect(report["metadata"]?["general.architecture"] == "rwkv9")
    #expect(report["metadata"]?["rwkv9.block_count"] == 1)
    try Command.expectFailure(
      ["quantize", model, folder.file("out.gguf"), "--type", "q8_0", "--prune-layers", "3"], mentions: ["no layer 3"])
    #expect(try folder.names().filter { $0.hasPrefix("out") || $0.hasPrefix(".") }.isEmpty)
  }

  @Test func bothAreInspected() throws {
    let folder = try TemporaryFolder()
    let model = try Self.checkpoint.write(to: folder.file("model"))
    let gguf = try writeGGUF(folder)
    for (path, texts) in [
      (model, ["safetensors", "Weights", "bf16", "RwkvForCausalLM is not a class of models that is known"]),
      (gguf, ["gguf", "Architecture", "rwkv9", "Weights", "bf16", "\"rwkv9\" is not an architecture that is known"]),
    ] {
      let shown = try Command.succeed("inspect", path, "--tensors").output
      for text in texts { #expect(shown.contains(text), "\(text)\n\(shown)") }
      #expect(!shown.contains("cannot be converted here"))
    }
  }

  @Test func whatNeedsTheModelIsRefused() throws {
    let folder = try TemporaryFolder()
    let model = try Self.checkpoint.write(to: folder.file("model"))
    let gguf = try writeGGUF(folder)
    let reading = ["--text", TinyLlama.heldOutText, "--tokenizer", TinyLlama.path]
    for (path, output, mentions) in [
      (model, "out.gguf", [model + "/config.json", "architectures", "RwkvForCausalLM"]),
      (gguf, "out", [gguf, "general.architecture", "rwkv9"]),
    ] {
      for arguments in [
        ["convert", path, folder.file(output)], ["perplexity", path] + reading,
        ["compare", path, path] + reading, ["compare", TinyLlama.path, path] + reading,
        ["imatrix", path, "--output", folder.file("out.imatrix")] + reading,
      ] {
        try Command.expectFailure(arguments, mentions: mentions)
      }
    }
    // Told before anything is written, after the notes of the plan.
    let verified = try Command.run(
      "quantize", gguf, folder.file("out.gguf"), "--type", "q8_0", "--verify", TinyLlama.heldOutText, "--tokenizer",
      TinyLlama.path)
    #expect(verified.exitCode == 1 && verified.errors.contains("general.architecture"), "\(verified.errors)")
    #expect(try folder.names().filter { $0.hasPrefix("out") || $0.hasPrefix(".") }.isEmpty)
  }
}
