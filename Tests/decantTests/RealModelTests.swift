import JSON
import TestSupport
import Testing

/// Real checkpoints, adapters and quantized models, where they are at hand.
@Suite(.enabled(if: SharedData.isThere, Comment(rawValue: SharedData.absence)))
struct RealModelTests {
  private static let stories260K = SharedData.path("models/stories260K/hf-f32")
  private static let stories3M = SharedData.path("models/stories3M/hf-f32")
  private static let text = SharedData.path("text/tinystories_train_head_2MiB.txt")

  private func measure(_ arguments: String...) throws -> JSONValue {
    let result = try Command.run(arguments + ["--json"])
    try #require(result.exitCode == 0, "\(result.errors)")
    return try result.json()
  }

  @Test func perplexityIsThatOfLlamaPerplexity() throws {
    let report = try measure("perplexity", Self.stories260K, "--text", Self.text, "--chunks", "8")
    let perplexity = try #require(report["perplexity"]?.double)
    #expect(abs(perplexity - 9.2091) <= 0.0002)
  }

  @Test(arguments: [stories260K, stories3M, SharedData.path("models/stories3M/hf-bf16")])
  func convertedModelsAreTheSame(_ model: String) throws {
    let folder = try TemporaryFolder()
    try Command.succeed("convert", model, folder.file("m.gguf"))
    try Command.succeed("convert", folder.file("m.gguf"), folder.file("back"))
    let report = try measure("compare", model, folder.file("m.gguf"), "--text", Self.text, "--chunks", "2")
    #expect(report["top1_agreement"]?.double == 1)
    #expect(try #require(report["kl"]?["max"]?.double) < 1e-8)
    let (one, other) = try (
      GoldenFile(path: model + "/model.safetensors"), GoldenFile(path: folder.file("back/model.safetensors"))
    )
    #expect(one.keys == other.keys)
    for key in one.keys {
      #expect(one.type(key) == other.type(key))
      #expect(try one.bytes(key) == other.bytes(key), "\(key)")
    }
  }

  @Test func theOldGGUF() throws {
    let gguf = SharedData.path("models/stories260K/gguf/stories260K.gguf")
    let report = try measure("compare", Self.stories260K, gguf, "--text", Self.text, "--chunks", "2")
    #expect(report["top1_agreement"]?.double ?? 0 > 0.999)
    let folder = try TemporaryFolder()
    try Command.succeed("convert", gguf, folder.file("m"))
    let back = try measure("perplexity", folder.file("m"), "--text", Self.text, "--chunks", "8")
    #expect(abs(try #require(back["perplexity"]?.double) - 9.2091) <= 0.0005)
  }

  /// The mean KL divergence of each model is below these; the smaller one, with rows of 64, suffers more.
  @Test(arguments: [
    ("q8_0", [0.001, 0.001]), ("q5_1", [0.05, 0.05]), ("q4_0", [0.3, 0.3]), ("nf4", [0.2, 0.3]), ("fp4", [0.25, 0.7]),
    ("int4", [0.2, 0.5]), ("int8", [0.002, 0.002]),
  ])
  func quantizedModelsAreCloseToWhatTheyWere(_ type: String, _ divergences: [Double]) throws {
    let folder = try TemporaryFolder()
    for (model, isFallback, divergence) in [
      (Self.stories3M, false, divergences[0]), (Self.stories260K, true, divergences[1]),
    ] {
      let output = folder.file(type.hasPrefix("q") ? "\(isFallback).gguf" : "\(isFallback)")
      let done = try measure(
        "quantize", model, output, "--type", type, "--verify", Self.text, "--chunks", "2")
      #expect(try #require(done["verification"]?["kl"]?["mean"]?.double) < divergence)
      let substituted = done["tensors"]?.array?.contains { $0["substituted_because"] != nil }
      #expect(substituted == (isFallback && type.hasPrefix("q")), "rows of 172")
    }
  }

  /// The tensors that bitsandbytes stored are those that we store.
  @Test(arguments: [("nf4", []), ("fp4", []), ("nf4-double", ["--double-quant"])])
  func blockwiseTensorsAreBitsandbytes(_ name: String, _ options: [String]) throws {
    let theirs = try GoldenFile(path: SharedData.path("quantized/stories3M-k256-bnb-\(name)/model.safetensors"))
    let folder = try TemporaryFolder()
    let type = String(name.prefix(3))
    let result = try Command.run(["quantize", Self.stories3M, folder.file("m"), "--type", type, "--quiet"] + options)
    #expect(result.exitCode == 0)
    let ours = try GoldenFile(path: folder.file("m/model.safetensors"))
    #expect(ours.keys == theirs.keys)
    for key in theirs.keys {
      #expect(try ours.shape(key) == theirs.shape(key) || key.contains("quant_state"), "\(key)")
      #expect(ours.type(key) == theirs.type(key), "\(key)")
      if key.contains("quant_state") {
        var (one, other) = try (
          JSONValue(parsing: ours.bytes(key)).object, JSONValue(parsing: theirs.bytes(key)).object
        )
        // Their mean is summed in Float, and the order of its summands is their own.
        let offsets = (one?["nested_offset"]?.double ?? 0, other?["nested_offset"]?.double ?? 0)
        #expect(abs(offsets.0 - offsets.1) <= 1e-6 * abs(offsets.1))
        one?["nested_offset"] = nil
        other?["nested_offset"] = nil
        #expect(one == other, "\(key)")
      } else if options.isEmpty || !key.contains("absmax") {
        #expect(try ours.bytes(key) == theirs.bytes(key), "\(key)")
      }
    }
  }

  /// Folders as bitsandbytes wrote them, without a tokenizer of their own.
  @Test(arguments: [("nf4", 0.2), ("nf4-double", 0.2), ("fp4", 0.4), ("int8", 0.01)])
  func modelsOfBitsandbytesAreRead(_ name: String, _ divergence: Double) throws {
    let model = SharedData.path("quantized/stories3M-k256-bnb-\(name)")
    let report = try measure("compare", Self.stories3M, model, "--text", Self.text, "--chunks", "2")
    let mean = try #require(report["kl"]?["mean"]?.double)
    #expect(mean > 0 && mean < divergence, "\(mean)")
    let folder = try TemporaryFolder()
    try Command.succeed("convert", model, folder.file("copy"))
    let (one, other) = try (
      GoldenFile(path: model + "/model.safetensors"), GoldenFile(path: folder.file("copy/model.safetensors"))
    )
    #expect(one.keys == other.keys)
    for key in one.keys { #expect(try one.bytes(key) == other.bytes(key), "\(key)") }
    try Command.succeed("convert", model, folder.file("m.gguf"))
    let decoded = try measure(
      "compare", model, folder.file("m.gguf"), "--text", Self.text, "--chunks", "1", "--tokenizer", Self.stories3M)
    #expect(try #require(decoded["kl"]?["mean"]?.double) < 1e-4)
  }

  /// Folders as mlx-lm wrote them; what they should measure is 4.56 in F32, 4.562 and 4.656 as mlx computes with them.
  @Test(arguments: [("q8-g64", 0.01), ("q4-g32", 0.2), ("q4-g64", 0.2), ("q2-g64", 3)])
  func modelsOfMLXAreRead(_ name: String, _ divergence: Double) throws {
    let model = SharedData.path("quantized/stories3M-k256-mlx-\(name)")
    let report = try measure(
      "compare", Self.stories3M, model, "--text", Self.text, "--chunks", "2", "--tokenizer", Self.stories3M)
    let mean = try #require(report["kl"]?["mean"]?.double)
    #expect(mean > 0 && mean < divergence, "\(mean)")
  }

  @Test(arguments: [
    ("models/stories260K/stories260K.bin", "stories260K.bin")
  ])
  func whatIsNotReadYetIsRefusedClearly(_ model: String, _ mention: String) throws {
    let folder = try TemporaryFolder()
    try Command.expectFailure(
      ["convert", SharedData.path(model), folder.file("out.gguf")], mentions: [SharedData.path(model), mention])
    #expect(try folder.names().isEmpty)
  }

  /// The same model as safetensors and as a checkpoint of PyTorch.
  @Test func aCheckpointOfPyTorchGivesTheSameGGUF() throws {
    let folder = try TemporaryFolder()
    for (model, name) in [("hf-torch-bin", "one.gguf"), ("hf-f32", "two.gguf")] {
      try Command.succeed(
        "convert", SharedData.path("models/stories260K/" + model), folder.file(name), "--no-provenance")
    }
    #expect(try folder.read("one.gguf") == folder.read("two.gguf"))
  }

  /// A GPT-2 of three tokens, whose matrices lie transposed.
  @Test func aGPT2GoesToAGGUFAndBack() throws {
    let folder = try TemporaryFolder()
    let model = SharedData.path("models/gpt-nano-sort/hf-f32")
    try Command.succeed("convert", model, folder.file("m.gguf"))
    try Command.succeed("convert", folder.file("m.gguf"), folder.file("back"))
    let (one, other) = try (
      GoldenFile(path: model + "/model.safetensors"), GoldenFile(path: folder.file("back/model.safetensors"))
    )
    #expect(one.keys == other.keys && !one.keys.isEmpty)
    for key in one.keys { #expect(try one.bytes(key) == other.bytes(key), "\(key)") }
  }

  // MARK: - LoRA

  @Test func aMergedModelIsTheMergedModel() throws {
    let folder = try TemporaryFolder()
    let adapter = SharedData.path("lora/stories260K-shakespeare")
    try Command.succeed("merge", Self.stories260K, adapter, folder.file("merged"))
    let theirs = try GoldenFile(
      path: SharedData.path("lora/stories260K-shakespeare-merged-hf-f32/model.safetensors"))
    let ours = try GoldenFile(path: folder.file("merged/model.safetensors"))
    #expect(ours.keys == theirs.keys)
    for key in theirs.keys {
      let (found, expected) = try (ours.floats(key), theirs.floats(key))
      let scale = expected.map(abs).max() ?? 0
      let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
      #expect(found.count == expected.count && worst <= 1e-6 * scale, "\(key): \(worst)")
    }
  }

  @Test(.enabled(if: SharedData.allowsMinutes, Comment(rawValue: SharedData.patience)))
  func anAdapterBringsPerplexityDown() throws {
    let text = SharedData.path("text/tinyshakespeare.txt")
    let before = try measure("perplexity", Self.stories260K, "--text", text)
    let adapter = SharedData.path("lora/stories260K-shakespeare")
    let after = try measure("perplexity", Self.stories260K, "--text", text, "--adapter", adapter)
    #expect(abs(try #require(before["perplexity"]?.double) - 111.75) < 0.01)
    #expect(abs(try #require(after["perplexity"]?.double) - 15.04) < 0.01)
  }
}
