import Foundation
import JSON
import TestSupport
import Testing

/// The face of the program: help, exit codes, what is printed where.
@Suite struct CommandLineTests {
  /// Every command, from what the parser tells of itself.
  static let commands: [String] = {
    let help = try? Command.succeed("--experimental-dump-help").json()
    let names = (help?["command"]?["subcommands"]?.array ?? []).compactMap { $0["commandName"]?.string }
    precondition(names.count > 10, "the program tells none of its commands")
    return names.filter { $0 != "help" }
  }()

  @Test(arguments: commands)
  func helpHasExamplesAndTheKeysOfItsJSON(_ command: String) throws {
    let help = try Command.succeed(command, "--help")
    #expect(help.errors.isEmpty)
    #expect(help.output.contains("EXAMPLES"))
    #expect(help.output.contains("decant \(command) "))
    #expect(help.output.contains("With --json: "))
  }

  @Test func theRootListsCommandsAndExitCodes() throws {
    let help = try Command.succeed("--help").output
    for command in Self.commands { #expect(help.contains(command)) }
    #expect(help.contains("EXIT CODES"))
  }

  @Test func theVersionSaysWhatItIsBuiltOf() throws {
    let lines = try Command.succeed("--version").output.split(separator: "\n").map(String.init)
    try #require(lines.count == 4)
    #expect(lines[0].wholeMatch(of: /decant \d+\.\d+\.\d+/) != nil)
    #expect(lines[1].wholeMatch(of: /Commit +([0-9a-f]{40}( and changes)?|not known)/) != nil)
    #expect(lines[2].wholeMatch(of: /Kernels +\w+, of baseline(, \w+)*/) != nil)
    #expect(lines[3].hasPrefix("Architecture "))
    let plain = try Command.run(["--version"], environment: ["DECANT_KERNELS": "baseline"])
    #expect(plain.output.contains("Kernels       baseline, of baseline"))
  }

  @Test(arguments: [
    ["frobnicate"], ["convert"], ["convert", "one"], ["inspect", "a", "--frobnicate"],
    ["quantize", "a", "b"], ["quantize", "a", "b", "--type", "q9_9"],
    ["quantize", "a", "b", "--type", "nf4", "--block-size", "48"],
    ["quantize", "a", "b", "--type", "q8_0", "--tensor-type", "no-equals"],
    ["quantize", "a", "b", "--type", "q8_0", "--tensor-type", "(=q4_0"],
    ["quantize", "a", "b", "--type", "q8_0", "--tensor-type", "x=q99"],
    ["convert", "a", "b", "--dtype", "q8_0"], ["convert", "a", "b", "--to", "onnx"],
    ["convert", "a", "b", "--max-shard-size", "lots"], ["convert", "a", "b", "--max-shard-size", "-1"],
    ["convert", "a", "b", "--max-shard-size", "0"], ["convert", "a", "b", "--threads", "0"],
    ["convert", "a", "b", "--quiet", "--verbose"], ["convert", "a", "b", "--adapter", ""],
    ["perplexity", "a"], ["perplexity", "a", "--text", "t", "--context", "3"],
    ["perplexity", "a", "--text", "t", "--chunks", "0"], ["perplexity", "a", "--text", "t", "--threads", "0"],
    ["tokenize"], ["tokenize", "a"], ["tokenize", "a", "--text", "t", "--pre-tokenizer", "none"],
    ["compare", "a", "--text", "t"], ["compare", "a", "b", "--text", "t", "--tensors", "-1"],
    ["pack", "a", "b", "--level", "20"], ["pack", "a", "b", "--threads", "-1"], ["unpack", "a"],
    ["merge", "a", "b", "c", "--type", "q99"],
    ["imatrix"], ["imatrix", "a", "--text", "t"], ["imatrix", "--output", "o"], ["imatrix", "a", "--output", "o"],
    ["imatrix", "--text", "t", "--output", "o"], ["imatrix", "a", "--merge", "m", "--output", "o"],
    ["imatrix", "--text", "t", "--merge", "a", "b", "--output", "o"],
    ["imatrix", "a", "--text", "t", "--output", "o", "--skip-chunks", "-1"],
    ["imatrix", "a", "--text", "t", "--output", "o", "--context", "3"],
  ])
  func aWrongCommandLineIs64(_ arguments: [String]) throws {
    let result = try Command.run(arguments)
    #expect(result.exitCode == 64, "\(result.errors)")
    #expect(result.output.isEmpty)
    #expect(result.errors.contains("Error: "))
  }

  @Test func optionsOfTheOtherContainer() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    for arguments in [
      ["convert", model, folder.file("m.gguf"), "--max-shard-size", "1MB"],
      ["convert", model, folder.file("m"), "--split-max-size", "1MB"],
    ] {
      #expect(try Command.run(arguments).exitCode == 64)
    }
    #expect(try folder.names() == ["model"])
  }

  @Test func resultsOnOutputTalkOnErrors() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    let said = try Command.succeed("quantize", model, folder.file("a.gguf"), "--type", "q8_0")
    #expect(said.output.isEmpty)
    #expect(said.errors.contains("wrote \(folder.file("a.gguf"))"))
    #expect(
      said.errors.contains(
        "2 tensors of layers 0 to 1, such as blk.0.ffn_down.weight: stored as f16, since rows of 172"),
      "what was substituted and why")
    #expect(!said.errors.contains("\u{1B}"), "no terminal, no bar")

    let verbose = try Command.succeed("convert", model, folder.file("v"), "--verbose")
    #expect(verbose.errors.split(separator: "\n").filter { $0.contains(" -> ") && $0.contains("[") }.count == 21)

    let quiet = try Command.succeed("convert", model, folder.file("q"), "--quiet")
    #expect(quiet.output.isEmpty && quiet.errors.isEmpty)
    for arguments in [
      ["pack", model + "/model.safetensors", folder.file("p.zst")], ["unpack", folder.file("p.zst"), folder.file("u")],
    ] {
      let result = try Command.run(arguments + ["--quiet"])
      #expect(result.exitCode == 0 && result.output.isEmpty && result.errors.isEmpty)
    }
  }

  // MARK: - JSON

  @Test func inspectAsJSON() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    let report = try Command.succeed("inspect", model, "--tensors", "--metadata", "--json").json()
    expectKeys(
      report,
      [
        "path", "container", "packed", "bytes", "files", "remarks", "types", "weights", "bits_per_weight", "model",
        "tensors", "metadata",
      ])
    #expect(report["container"] == "safetensors")
    #expect(report["bits_per_weight"]?.double == 16)
    #expect(report["tensors"]?.array?.count == 21)
    #expect(report["types"]?["bf16"]?["tensors"] == 21)
    #expect(report["metadata"] == ["format": "pt"])
    #expect(report["model"]?["intermediate_size"] == 172)
  }

  @Test func jobsAsJSON() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    let planned = try Command.succeed("quantize", model, folder.file("m.gguf"), "--type", "q8_0", "--dry-run", "--json")
      .json()
    let keys = [
      "output", "container", "weights", "bytes", "bits_per_weight", "costs", "before", "files", "tensors", "notes",
    ]
    expectKeys(planned, keys)
    let done = try Command.succeed("quantize", model, folder.file("m.gguf"), "--type", "q8_0", "--json").json()
    expectKeys(done, keys + ["seconds", "merged"])
    for key in keys { #expect(done[key] == planned[key], "\(key)") }
    let tensor = try #require(done["tensors"]?.array?.first { $0["name"] == "blk.0.ffn_down.weight" })
    expectKeys(tensor, ["name", "shape", "source_type", "type", "cost", "bytes", "stored", "substituted_because"])
    #expect(tensor["stored"]?.array?.first?["offset"]?.int ?? 0 > 0)
    let size = try #require(done["files"]?.array?.first?["bytes"]?.int)
    #expect(try folder.read("m.gguf").count == size)

    let file = model + "/model.safetensors"
    let packed = try Command.succeed("pack", file, folder.file("m.zst"), "--json").json()
    expectKeys(packed, ["input", "output", "bytes_before", "bytes_after", "ratio"])
    let unpacked = try Command.succeed("unpack", folder.file("m.zst"), folder.file("m"), "--json").json()
    expectKeys(unpacked, ["input", "output", "bytes_before", "bytes_after", "ratio"])
  }

  private func expectKeys(_ value: JSONValue, _ keys: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(value.object?.keys.sorted() == keys.sorted(), sourceLocation: sourceLocation)
  }

  // MARK: - Outputs

  @Test func aDryRunListsEverythingAndWritesNothing() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    for (arguments, expected) in [
      (["quantize", model, folder.file("m.gguf"), "--type", "q8_0"], ["token_embd.weight", "blk.1.ffn_down.weight"]),
      (
        ["quantize", model, folder.file("nf4"), "--type", "nf4", "--double-quant"],
        ["model.layers.1.mlp.up_proj.weight.nested_absmax"]
      ),
      (["convert", model, folder.file("m"), "--max-shard-size", "60kB"], ["1 of 4"]),
    ] {
      let said = try Command.run(arguments + ["--dry-run"])
      #expect(said.exitCode == 0)
      #expect(said.errors.isEmpty)
      for text in expected + ["Offset", "bits per weight"] { #expect(said.output.contains(text), "\(text)") }
      #expect(try folder.names() == ["model"])
    }
  }

  @Test(arguments: ["out.gguf", "out.safetensors", "out"])
  func whatIsThereStaysUnlessForced(_ name: String) throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    let output = folder.file(name)
    try Command.succeed("convert", model, output)
    try Command.expectFailure(["convert", model, output, "--dtype", "f32"], mentions: [output, "--force"])
    try Command.expectFailure(["convert", model, output, "--dtype", "f32", "--dry-run"], mentions: ["--force"])
    try Command.succeed("convert", model, output, "--dtype", "f32", "--force")
    let report = try Command.succeed("inspect", output, "--json").json()
    #expect(report["types"]?["f32"] != nil && report["types"]?["bf16"] == nil)
    #expect(try folder.names() == ["model", name].sorted())
  }

  @Test func nothingThatACommandReadsIsItsOutput() throws {
    let folder = try TemporaryFolder()
    let model = folder.file("model")
    try FileManager.default.copyItem(atPath: TinyLlama.path, toPath: model)
    let weights = model + "/model-00001-of-00002.safetensors"
    let verified = try folder.write("text".utf8, to: "v.gguf")
    let matrix = folder.file("i.gguf")
    try FileManager.default.copyItem(atPath: TinyLlama.llamaImatrix, toPath: matrix)
    let reading = ["--force", "--type", "q4_0"]
    for (arguments, input) in [
      (["quantize", model, matrix, "--imatrix", matrix] + reading, "i.gguf"),
      (["quantize", model, verified, "--verify", verified] + reading, "v.gguf"),
      (["merge", model, TinyLlama.adapter("plain"), verified, "--verify", verified] + reading, "v.gguf"),
      (
        ["quantize", model, folder.file("model/tokenizer.json"), "--to", "gguf", "--verify", verified] + reading,
        "tokenizer.json"
      ),
      (["pack", weights, weights, "--force"], weights),
      (["unpack", weights, weights, "--force"], weights),
      (["perplexity", model, "--text", verified, "--logits", verified, "--force"], "v.gguf"),
    ] {
      try Command.expectFailure(arguments, mentions: [input, "is the input"])
    }
    #expect(try folder.read("v.gguf") == Array("text".utf8))
    #expect(try folder.read("i.gguf") == FileBytes.read(TinyLlama.llamaImatrix))
    #expect(try folder.names() == ["i.gguf", "model", "v.gguf"])
  }

  @Test func packingGivesBackEveryByte() throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint().write(to: folder.file("model"))
    try Command.succeed("convert", model, folder.file("m.gguf"))
    for file in [
      TinyLlama.file("model-00001-of-00002.safetensors"), model + "/model.safetensors", folder.file("m.gguf"),
    ] {
      try Command.succeed("pack", file, folder.file("packed.zst"), "--force")
      try Command.expectFailure(["pack", file, folder.file("packed.zst")], mentions: ["--force"])
      try Command.succeed("unpack", folder.file("packed.zst"), folder.file("again"), "--force")
      try Command.expectFailure(["unpack", folder.file("packed.zst"), folder.file("again")], mentions: ["--force"])
      #expect(try folder.read("again") == FileBytes.read(file))
    }
  }

  /// A run that is killed leaves nothing under the output's name.
  @Test(arguments: ["out.gguf", "out"])
  func aKilledRunLeavesNoOutput(_ name: String) async throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "quantize", TinyLlama.path, folder.file(name), "--type", name == "out" ? "nf4" : "q4_0", "--threads", "1",
    ]
    for milliseconds in [5, 20, 60] {
      try await Killing.run(arguments, after: .milliseconds(milliseconds), in: folder)
      guard try !folder.names().contains(name) else { break }  // It was quicker.
    }
    try Command.succeed(
      "quantize", TinyLlama.path, folder.file(name), "--type", name == "out" ? "nf4" : "q4_0", "--force")
    #expect(try folder.names().filter { $0.contains("partial") }.isEmpty, "what a killed run has left is cleared away")
    try Command.succeed("inspect", folder.file(name))
  }
}
