import JSON
import TestSupport
import Testing

/// Inputs that cannot be used: one line, exit code 1, and nothing written.
@Suite struct FailureTests {
  /// Every command on an input, each with its output if it has one.
  private func commands(_ input: String, _ folder: TemporaryFolder) throws -> [[String]] {
    let text = try folder.write("a text".utf8, to: "text.txt")
    return [
      ["inspect", input], ["convert", input, folder.file("out")], ["convert", input, folder.file("out.gguf")],
      ["quantize", input, folder.file("out.gguf"), "--type", "q8_0"],
      ["quantize", input, folder.file("out"), "--type", "nf4"],
      ["merge", input, TinyLlama.adapter("plain"), folder.file("out")],
      ["perplexity", input, "--text", text], ["compare", input, TinyLlama.path, "--text", text],
      ["compare", TinyLlama.path, input, "--text", TinyLlama.heldOutText, "--chunks", "1"],
      ["imatrix", input, "--text", text, "--output", folder.file("out.gguf")],
      ["pack", input, folder.file("out.zst")], ["unpack", input, folder.file("out")],
    ]
  }

  private func expectAllRefuse(
    _ input: String, _ folder: TemporaryFolder, except exceptions: [String] = [], mentions: [String] = []
  ) throws {
    for arguments in try commands(input, folder) where !exceptions.contains(arguments[0]) {
      try Command.expectFailure(arguments, mentions: mentions)
    }
    #expect(try folder.names().filter { $0.hasPrefix("out") || $0.hasPrefix(".") }.isEmpty)
  }

  @Test func whatIsNotThere() throws {
    let folder = try TemporaryFolder()
    try expectAllRefuse(folder.file("nothing"), folder, mentions: [folder.file("nothing")])
  }

  @Test(
    arguments: [
      [], [0], Array("GGUF".utf8), Array("GGUF".utf8) + [3, 0, 0, 0] + Array(repeating: 0xFF, count: 16),
      [8, 0, 0, 0, 0, 0, 0, 0] + Array("{\"a\": 1}".utf8), Array(repeating: 0xFF, count: 64),
      Array("<!DOCTYPE html>".utf8), Array("version https://git-lfs.github.com/spec/v1".utf8),
      [0x50, 0x4B, 3, 4] + Array(repeating: 0, count: 60),
      [0x50, 0x2A, 0x4D, 0x18] + Array(repeating: 0, count: 60),
    ] as [[UInt8]])
  func bytesThatAreNoModel(_ bytes: [UInt8]) throws {
    let folder = try TemporaryFolder()
    try expectAllRefuse(folder.write(bytes, to: "model.safetensors"), folder, mentions: ["model.safetensors"])
  }

  @Test(arguments: ["safetensors", "gguf"])
  func filesThatAreCutShortOrTooLong(_ container: String) throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    let file = folder.file("m.\(container)")
    try Command.succeed("convert", model, file)
    let bytes = try folder.read("m.\(container)")
    for count in [7, 100, bytes.count / 2, bytes.count - 1] {
      try folder.write(bytes.prefix(count), to: "m.\(container)")
      try expectAllRefuse(file, folder, mentions: [file])
    }
    if container == "safetensors" {
      try folder.write(bytes + [0], to: "m.\(container)")
      try expectAllRefuse(file, folder, mentions: [file])
    }
  }

  @Test func aPackedFileThatIsDamaged() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    try Command.succeed("pack", model + "/model.safetensors", folder.file("p.zst"))
    var bytes = try folder.read("p.zst")
    try folder.write(bytes.dropLast(3), to: "p.zst")
    try expectAllRefuse(folder.file("p.zst"), folder, mentions: ["p.zst"])
    // The middle is weights: only what reads them can tell.
    bytes[bytes.count / 2] ^= 0xFF
    try folder.write(bytes, to: "p.zst")
    try Command.expectFailure(["unpack", folder.file("p.zst"), folder.file("out")], mentions: ["p.zst"])
    try Command.expectFailure(["convert", folder.file("p.zst"), folder.file("out")], mentions: ["p.zst"])
    #expect(try folder.names() == ["model", "p.zst", "text.txt"])
  }

  @Test func aShardThatIsMissing() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint { $0.shardCount = 3 }.write(to: folder.file("model"))
    try folder.remove("model/model-00002-of-00003.safetensors")
    try expectAllRefuse(model, folder, except: ["pack", "unpack"], mentions: ["model-00002-of-00003.safetensors"])
  }

  @Test func tensorsThatDoNotFitTheConfiguration() throws {
    let folder = try TemporaryFolder()
    var model = try TinyCheckpoint().write(to: folder.file("wrong shape")) { tensors in
      tensors[1] = RawTensor(tensors[1].name, type: "BF16", shape: [63], values: Array(repeating: 1, count: 63))
    }
    let name = "model.layers.0.input_layernorm.weight"
    try Command.expectFailure(["convert", model, folder.file("out.gguf")], mentions: [name, "63"])
    try Command.expectFailure(
      ["perplexity", model, "--text", TinyLlama.heldOutText, "--tokenizer", TinyLlama.path], mentions: [name])
    model = try TinyCheckpoint().write(to: folder.file("missing")) { $0.remove(at: 1) }
    try Command.expectFailure(["convert", model, folder.file("out.gguf")], mentions: [name])
    model = try TinyCheckpoint().write(to: folder.file("unknown")) {
      $0.append(RawTensor("model.layers.weight", shape: [1], values: [0]))
    }
    try Command.expectFailure(["convert", model, folder.file("out.gguf")], mentions: ["model.layers.weight"])
    #expect(try folder.names().filter { $0.hasPrefix("out") || $0.hasPrefix(".") }.isEmpty)
  }

  @Test func aDryRunShowsThePlanAndWhatStandsAgainstIt() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    let result = try Command.run("convert", model, folder.file("none/out.gguf"), "--dry-run")
    #expect(result.exitCode == 1 && result.output.contains("blk.0.attn_q.weight"))
    #expect(result.errors.contains("no such folder; create it first"))
    #expect(
      try Command.succeed("convert", model, folder.file("out.gguf"), "--dry-run").output.contains("are free there"))
  }

  @Test func allProblemsAreToldAtOnce() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model")) { tensors in
      for number in [1, 2] {
        tensors[number] = RawTensor(tensors[number].name, type: "BF16", shape: [1], values: [1])
      }
    }
    let result = try Command.run("convert", model, folder.file("none/out.gguf"))
    #expect(result.exitCode == 1 && result.output.isEmpty)
    for part in ["input_layernorm", "self_attn.q_proj", "no such folder"] { #expect(result.errors.contains(part)) }
    #expect(result.errors.split(separator: "\n").count == 2 && result.errors.contains("; likewise \""))
    let verbose = try Command.run("convert", model, folder.file("none/out.gguf"), "--verbose")
    #expect(verbose.errors.split(separator: "\n").count == 3)
  }

  @Test func theTargetIsNotLostAmongManyTensors() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint { $0.layers = 8 }.write(to: folder.file("model")) { tensors in
      for number in tensors.indices.dropFirst() {
        tensors[number] = RawTensor(tensors[number].name, type: "BF16", shape: [1], values: [1])
      }
    }
    let result = try Command.run("convert", model, folder.file("none/out.gguf"))
    #expect(result.exitCode == 1)
    #expect(result.errors.contains("no such folder") && result.errors.contains("more like it"))
    #expect(result.errors.split(separator: "\n").count == 2)
  }

  /// What needs to know the model is refused; the rest is in `UnknownFamilyTests`.
  @Test func modelsOfOtherKinds() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint { $0.settings = ["architectures": ["RwkvForCausalLM"]] }.write(
      to: folder.file("rwkv"))
    let refused = try commands(model, folder).filter {
      $0.contains(folder.file("out.gguf")) || ["perplexity", "compare"].contains($0[0])
    }
    #expect(refused.count == 6)
    for arguments in refused {
      try Command.expectFailure(arguments, mentions: [model + "/config.json", "architectures", "RwkvForCausalLM"])
    }
    #expect(try folder.names().filter { $0.hasPrefix("out") || $0.hasPrefix(".") }.isEmpty)
    #expect(try Command.succeed("inspect", model).output.contains("RwkvForCausalLM"), "but it can be looked at")
  }

  @Test func measuringWithTheWrongText() throws {
    let folder = try TemporaryFolder()
    let short = try folder.write("Too short.".utf8, to: "short.txt")
    let missing = folder.file("missing.txt")
    try Command.expectFailure(["perplexity", TinyLlama.path, "--text", short], mentions: [short, "tokens"])
    try Command.expectFailure(["perplexity", TinyLlama.path, "--text", missing], mentions: [missing])
    // Asked for before anything is written.
    for text in [short, missing] {
      try Command.expectFailure(
        ["quantize", TinyLlama.path, folder.file("out.gguf"), "--type", "q8_0", "--verify", text, "--quiet"],
        mentions: [text])
    }
    #expect(try folder.names() == ["short.txt"])
  }

  @Test func modelsThatCannotBeCompared() throws {
    let folder = try TemporaryFolder()
    let tiny = try TinyCheckpoint().write(to: folder.file("tiny"))
    try Command.expectFailure(
      ["compare", TinyLlama.path, tiny, "--text", TinyLlama.heldOutText, "--chunks", "1"],
      mentions: [tiny, "vocabularies"])
    try Command.expectFailure(
      ["perplexity", tiny, "--text", TinyLlama.heldOutText, "--tokenizer", TinyLlama.path], mentions: [tiny, "token"])
    try Command.expectFailure(["perplexity", tiny, "--text", TinyLlama.heldOutText], mentions: ["--tokenizer"])
  }

  @Test func notANumber() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model")) { $0[5].bytes[2...3] = [0xC0, 0x7F] }
    let name = "model.layers.0.self_attn.o_proj.weight"
    let arguments = ["quantize", model, folder.file("out"), "--type", "nf4"]
    try Command.expectFailure(arguments, mentions: [name, "element 1 ", "--allow-nonfinite", model])
    let allowed = try Command.run(arguments + ["--allow-nonfinite"])
    #expect(allowed.errors.contains("holds values that are NaN or infinite, and is stored as"), "\(allowed.errors)")
    #expect(allowed.exitCode == 0, "\(allowed.errors)")
    let types = try Command.succeed("inspect", folder.file("out"), "--json").json()["types"]
    #expect(types?["nf4"]?["tensors"] == 13)
  }

  @Test func anAdapterThatDoesNotFit() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    try Command.expectFailure(
      ["merge", model, TinyLlama.adapter("plain"), folder.file("out")],
      mentions: ["lora_A", TinyLlama.adapter("plain")])
    try Command.expectFailure(
      ["convert", model, folder.file("out"), "--adapter", folder.file("none") + ":0.5"], mentions: [folder.file("none")]
    )
    #expect(try folder.names() == ["model"])
  }
}
