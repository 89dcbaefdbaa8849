import JSON
import Quantization
import TestSupport
import Testing

/// Perplexity and comparison of the model in the repository, against what transformers computes.
@Suite struct MeasuringTests {
  private static let text = ["--text", TinyLlama.heldOutText]

  private func measure(_ arguments: [String]) throws -> JSONValue {
    let result = try Command.run(arguments + ["--json"])
    try #require(result.exitCode == 0, "\(result.errors)")
    return try result.json()
  }

  private func expectClose(
    _ value: JSONValue?, _ expected: Double, relative: Double, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let value = try #require(value?.double, sourceLocation: sourceLocation)
    #expect(abs(value - expected) <= relative * expected, "\(value), not \(expected)", sourceLocation: sourceLocation)
  }

  @Test func perplexityIsThatOfTransformers() throws {
    let reference = try TinyLlama.reference()["perplexity_first_4_windows"]
    let report = try measure(["perplexity", TinyLlama.path, "--chunks", "4"] + Self.text)
    try expectClose(report["perplexity"], #require(reference?["perplexity"]?.double), relative: 1e-4)
    try expectClose(report["nll"], #require(reference?["mean_nll"]?.double), relative: 1e-4)
    try expectClose(report["standard_error"], #require(reference?["standard_error"]?.double), relative: 2e-3)
    #expect(report["chunks"] == 4 && report["context"] == 512 && report["bits_per_weight"]?.double == 16)
    #expect(
      report.object?.keys.sorted() == [
        "bits_per_weight", "bytes", "chunks", "container", "context", "model", "name", "nll", "nll_histogram", "notes",
        "origin", "perplexity", "standard_error", "tokens", "types", "worst", "xxh3_128",
      ])
  }

  @Test("Every set of kernels measures the same, and --verbose says which one runs", arguments: KernelSet.all)
  func kernels(_ kernels: KernelSet) throws {
    let arguments = ["perplexity", TinyLlama.path, "--chunks", "1", "--context", "64"] + Self.text
    let usual = try measure(arguments)
    let forced = try Command.run(
      arguments + ["--json", "--verbose"], environment: ["DECANT_KERNELS": kernels.name])
    #expect(forced.errors.contains("kernels: \(kernels)"))
    #expect(forced.errors.contains("DECANT_KERNELS asks for") == (kernels != KernelSet.all.last), "\(forced.errors)")
    try expectClose(forced.json()["perplexity"], #require(usual["perplexity"]?.double), relative: 1e-5)
  }

  @Test func perplexityOfTheWholeText() throws {
    let reference = try TinyLlama.reference()["perplexity"]
    let report = try measure(["perplexity", TinyLlama.path] + Self.text)
    try expectClose(report["perplexity"], #require(reference?["perplexity"]?.double), relative: 1e-4)
    #expect(report["chunks"] == reference?["windows"])
  }

  @Test func aModelAgainstItself() throws {
    let report = try measure(["compare", TinyLlama.path, TinyLlama.path, "--chunks", "2"] + Self.text)
    for key in ["mean", "p90", "p95", "p99", "p99_9", "max"] { #expect(report["kl"]?[key]?.double == 0, "\(key)") }
    #expect(report["top1_agreement"]?.double == 1)
    #expect(report["rms_probability_change"]?.double == 0)
    #expect(report["before"] == report["after"])
    #expect(report["tensors"]?.array?.isEmpty == false)
  }

  @Test("Parts that processes have measured are what one process measures", arguments: [2, 5])
  func parts(count: Int) throws {
    let folder = try TemporaryFolder()
    try Command.succeed("quantize", TinyLlama.path, folder.file("m.gguf"), "--type", "q4_0")
    for models in [["compare", TinyLlama.path, folder.file("m.gguf")], ["perplexity", folder.file("m.gguf")]] {
      let job = models + Self.text + ["--context", "64", "--chunks", "4", "--json"]
      func file(_ name: String, _ words: [String]) throws -> String {
        let said = try Command.run(job + words)
        try #require(said.exitCode == 0, "\(said.errors)")
        return try folder.write(said.output.utf8, to: name)
      }
      let whole = try file("whole.json", [])
      let parts = try (1...count).map { try file("\($0).json", ["--part", "\($0)/\(count)"]) }
      func report(_ files: [String]) throws -> JSONValue {
        let said = try Command.run(["report", "--json"] + files)
        try #require(said.exitCode == 0, "\(said.errors)")
        let list = try said.json()["comparisons"] ?? said.json()["perplexities"]
        #expect(list?.array?.count == 1)
        return try #require(list?.array?.first).withoutOrigin
      }
      #expect(try report(parts) == report([whole]))
      #expect(try report([whole] + parts) == report([whole]))
      let missing = try Command.run(["report"] + parts.dropLast())
      #expect(missing.exitCode == 1 && missing.errors.contains("part \(count) was not named"), "\(missing.errors)")
    }
  }

  @Test("A part is printed as JSON, and as nothing else")
  func whatAPartIsNot() throws {
    for (words, said) in [
      ([], "--part needs --json"), (["--markdown"], "--part and --markdown exclude each other"),
      (["--card"], "--part and --card exclude each other"),
      (["--json", "--report", "page.html"], "--part and --report exclude each other"),
    ] as [([String], String)] {
      for models in [["compare", "a", "b"], ["perplexity", "a"]] {
        let refused = try Command.run(models + ["--text", "t", "--part", "1/2"] + words)
        #expect(refused.exitCode == 64 && refused.errors.contains(said), "\(refused.errors)")
      }
    }
    let logits = try Command.run("perplexity", "a", "--text", "t", "--part", "1/2", "--json", "--logits", "l")
    #expect(logits.exitCode == 64 && logits.errors.contains("--part and --logits"))
  }

  /// A GGUF is the same model, and so is a packed one.
  @Test func theSameModelInOtherContainers() throws {
    let folder = try TemporaryFolder()
    try Command.succeed("convert", TinyLlama.path, folder.file("m.gguf"))
    try Command.succeed("pack", folder.file("m.gguf"), folder.file("m.gguf.zst"))
    for name in ["m.gguf", "m.gguf.zst"] {
      let report = try measure(["compare", TinyLlama.path, folder.file(name), "--chunks", "1"] + Self.text)
      #expect(report["top1_agreement"]?.double == 1)
      // Rows of q and k are summed in another order.
      #expect(try #require(report["kl"]?["max"]?.double) < 1e-8)
    }
  }

  /// Where layers are missing a number does not say which one it was.
  @Test func tensorsOfOtherLayersAreNotCompared() throws {
    let folder = try TemporaryFolder()
    try Command.succeed("quantize", TinyLlama.path, folder.file("m.gguf"), "--type", "q8_0", "--prune-layers", "1")
    let report = try measure(["compare", TinyLlama.path, folder.file("m.gguf"), "--chunks", "1"] + Self.text)
    let names = report["tensors"]?.array?.compactMap { $0["name"]?.string } ?? []
    #expect(!names.isEmpty && !names.contains { $0.contains("layers.") })
    #expect(report["notes"]?.array?.contains { $0.string?.contains("another number of layers") == true } == true)
  }

  @Test func quantizingAndVerifyingInOneGo() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "quantize", TinyLlama.path, "", "--type", "nf4", "--double-quant", "--chunks", "2", "--verify",
      TinyLlama.heldOutText,
    ]
    func with(_ output: String) -> [String] { arguments.map { $0.isEmpty ? folder.file(output) : $0 } }
    let said = try Command.run(with("a"))
    #expect(said.exitCode == 0)
    for text in ["Perplexity", "KL divergence", "nf4+dq"] { #expect(said.output.contains(text), "\(text)") }
    let report = try measure(with("b"))
    #expect(report["verification"]?["top1_agreement"]?.double ?? 0 > 0.9)
    #expect(report["verification"]?["kl"]?["mean"]?.double ?? 0 > 0)
    #expect(report["bits_per_weight"] == report["verification"]?["after"]?["bits_per_weight"])
    let markdown = try Command.run(with("c") + ["--markdown", "--quiet"])
    #expect(markdown.output.contains("| "))
    #expect(markdown.errors.isEmpty)
  }

  @Test(arguments: ["plain", "rslora-patterns", "dora", "full"])
  func mergedModelsPredictAsPEFTSays(_ adapter: String) throws {
    let expected = try TinyLlama.expected(adapter)["perplexity_first_4_windows"]
    let onTheWay = try measure(
      ["perplexity", TinyLlama.path, "--adapter", TinyLlama.adapter(adapter), "--chunks", "4"] + Self.text)
    try expectClose(onTheWay["perplexity"], #require(expected?["perplexity"]?.double), relative: 1e-4)
    #expect(onTheWay["name"] == .string("TinyLlama + \(adapter)"))
  }

  @Test func aSplitSetIsVerified() throws {
    let folder = try TemporaryFolder()
    let report = try measure([
      "quantize", TinyLlama.path, folder.file("m.gguf"), "--type", "q8_0", "--split-max-size", "1MB", "--chunks", "1",
      "--verify", TinyLlama.heldOutText,
    ])
    #expect(report["files"]?.array?.count ?? 0 > 1)
    #expect(report["verification"]?["top1_agreement"]?.double ?? 0 > 0.9)
  }

  @Test func mergingAndVerifying() throws {
    let folder = try TemporaryFolder()
    let expected = try TinyLlama.expected("plain")["perplexity_first_4_windows"]
    let report = try measure([
      "merge", TinyLlama.path, TinyLlama.adapter("plain"), folder.file("m.gguf"), "--type", "f32", "--chunks", "4",
      "--verify", TinyLlama.heldOutText,
    ])
    #expect(report["merged"]?.array?.count == 8)
    #expect(report["merged"]?.array?.allSatisfy { $0["relative_change"]?.double ?? 0 > 0 } == true)
    try expectClose(
      report["verification"]?["after"]?["perplexity"], #require(expected?["perplexity"]?.double), relative: 1e-4)
    let talk = try Command.succeed("merge", TinyLlama.path, TinyLlama.adapter("plain"), folder.file("m"))
    #expect(talk.errors.contains("the most changed first"))
  }
}
