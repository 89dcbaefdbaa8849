import Foundation
import JSON
import TestSupport
import Testing

/// `--layout` of quantize and convert: folders of other libraries.
@Suite struct LayoutTests {
  /// Layouts with a type each, and what their config.json says of it.
  static let layouts: [(layout: String, options: [String], says: [String: JSONValue])] = [
    ("bitsandbytes", ["--type", "int8"], ["quant_method": "bitsandbytes", "load_in_8bit": true]),
    ("bitsandbytes", ["--type", "nf4"], ["quant_method": "bitsandbytes", "bnb_4bit_quant_type": "nf4"]),
    ("mlx", ["--type", "int4"], ["bits": 4, "group_size": 64, "mode": "affine"]),
    ("mlx", ["--type", "int3", "--group-size", "32"], ["bits": 3, "group_size": 32]),
    ("mlx", ["--type", "mxfp8"], ["bits": 8, "group_size": 32, "mode": "mxfp8"]),
    ("gptq", ["--type", "int4"], ["quant_method": "gptq", "bits": 4, "sym": true, "checkpoint_format": "gptq"]),
    (
      "gptq", ["--type", "int8", "--group-size", "row", "--no-symmetric"],
      ["bits": 8, "group_size": -1, "sym": false, "checkpoint_format": "gptq_v2"]
    ),
    ("awq", ["--type", "int4"], ["quant_method": "awq", "version": "gemm", "group_size": 128]),
    ("compressed-tensors", ["--type", "int4"], ["quant_method": "compressed-tensors", "format": "pack-quantized"]),
    ("compressed-tensors", ["--type", "fp8", "--group-size", "128x128"], ["format": "float-quantized"]),
    ("compressed-tensors", ["--type", "nvfp4"], ["format": "nvfp4-pack-quantized"]),
    ("fp8", ["--type", "fp8"], ["quant_method": "fp8", "weight_block_size": [128, 128]]),
    ("fp8", ["--type", "fp8", "--group-size", "row"], ["quant_method": "fbgemm_fp8"]),
    ("modelopt", ["--type", "nvfp4"], ["quant_method": "modelopt", "quant_algo": "W4A16_NVFP4"]),
  ]

  private static func section(_ folder: String) throws -> JSONValue {
    let config = try JSONValue(parsing: [UInt8](Data(contentsOf: URL(fileURLWithPath: folder + "/config.json"))))
    return try #require(config["quantization_config"])
  }

  @Test(arguments: layouts.indices) func isWritten(number: Int) throws {
    let (layout, options, says) = Self.layouts[number]
    let folder = try TemporaryFolder()
    let output = folder.file("out")
    let report = try Command.run(
      ["quantize", TinyLlama.path, output, "--layout", layout, "--json"] + options
    ).json()
    #expect(report["costs"]?["encoded"]?.int == (layout == "mlx" ? 30 : 28), "\(report["costs"] ?? nil)")
    let section = try Self.section(output)
    for (key, value) in says { #expect(section[key] == value, "\(key)") }
    #expect(try Command.succeed("inspect", output, "--json").json()["layouts"] == [.string(layout)])
    #expect(try Command.succeed("inspect", output).output.contains("Quantized as     \(layout)\n"))
    // What was made says how, and is made again.
    #expect(try Command.succeed("rebuild", output, "--from", TinyLlama.path).output.contains("the same"))
    #expect(try Command.succeed("check", output).output.contains("nothing wrong"))
  }

  @Test func fromOneLayoutToTheNextAndBack() throws {
    let folder = try TemporaryFolder()
    let (first, second, third) = (folder.file("gptq"), folder.file("mlx"), folder.file("m.gguf"))
    try Command.succeed(
      "quantize", TinyLlama.path, first, "--layout", "gptq", "--type", "int4", "--group-size", "32")
    let report = try Command.succeed("convert", first, second, "--layout", "mlx", "--exact-only", "--json").json()
    #expect(report["costs"] == ["copied": 11, "repacked": 28])
    try Command.succeed("convert", second, third)
    let inspected = try Command.succeed("inspect", third, "--json").json()
    #expect(inspected["types"]?["q4_0"]?["tensors"] == 28 && inspected["layouts"] == nil)
    for other in [second, third] {
      let compared = try Command.succeed(
        "compare", first, other, "--text", TinyLlama.heldOutText, "--chunks", "1", "--context", "64", "--json"
      ).json()
      #expect(compared["kl"]?["max"]?.double == 0)
    }
  }

  /// Columns that belong to groups in any order, as GPTQModel wrote them.
  @Test func actOrderIsUndoneWhereItIsAskedFor() throws {
    let folder = try TemporaryFolder()
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/Layouts/gptq-4bit-ordered").path
    let left = try Command.succeed("convert", source, folder.file("left.gguf"))
    #expect(left.errors.contains("--undo-act-order"))
    let undone = try Command.succeed("convert", source, folder.file("undone.gguf"), "--undo-act-order")
    #expect(undone.errors.contains("its act-order is undone") && !undone.errors.contains("--undo-act-order"))
    for (name, count) in [("left", nil), ("undone", 1)] as [(String, Int?)] {
      let types = try Command.succeed("inspect", folder.file(name + ".gguf"), "--json").json()["types"]
      #expect(types?["q4_0"]?["tensors"]?.int == count)
    }
    let result = try Command.run("convert", source, folder.file("out"), "--undo-act-order", "--dtype", "f16")
    #expect(result.exitCode == 64 && result.errors.contains("--undo-act-order"))
  }

  @Test func aDryRunTellsWhatItCosts() throws {
    let folder = try TemporaryFolder()
    try Command.succeed("quantize", TinyLlama.path, folder.file("m.gguf"), "--type", "q4_k_m")
    let said = try Command.succeed(
      "convert", folder.file("m.gguf"), folder.file("out"), "--layout", "mlx", "--dry-run"
    ).output
    #expect(said.contains("encoded again (from 4 bits: adds error)"), "\(said)")
    #expect(said.contains("What is repacked exactly into mlx"), "\(said)")
    #expect(said.contains("q4_0"))
    try Command.expectFailure(
      ["convert", folder.file("m.gguf"), folder.file("out"), "--layout", "mlx", "--exact-only"],
      mentions: ["encoded again", "only what is exact"])
    #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
  }

  @Test func mixedRecipesOfMLX() throws {
    let folder = try TemporaryFolder()
    try Command.succeed("quantize", TinyLlama.path, folder.file("out"), "--layout", "mlx", "--type", "mixed_3_6")
    let section = try Self.section(folder.file("out"))
    #expect(section["bits"] == 3)
    #expect(section["lm_head"]?["bits"] == 6)
    #expect(section["model.layers.3.mlp.down_proj"]?["bits"] == 6)
    #expect(section["model.layers.1.self_attn.v_proj"] == nil)
  }

  /// What is asked for wrongly, and words of the answer.
  static let refusals: [(arguments: [String], words: [String])] = [
    (["--layout", "mxl", "--type", "int4"], ["mxl", "mlx", "gptq"]),
    (["--layout", "mlx", "--type", "fp8"], ["mlx has no type fp8", "mxfp8"]),
    (["--layout", "mlx", "--type", "int4", "--group-size", "48"], ["32, 64 or 128"]),
    (["--layout", "mlx", "--type", "int4", "--group-size", "many"], ["--group-size many", "128x128"]),
    (["--layout", "mlx", "--type", "int4", "--symmetric"], ["--symmetric"]),
    (["--layout", "gptq", "--type", "int3"], ["gptq has no type int3", "int4, int8"]),
    (["--layout", "awq", "--type", "q4_0"], ["awq has no type q4_0"]),
    (["--type", "nf4", "--group-size", "64"], ["--group-size", "--layout", "--block-size"]),
    (["--type", "q4_0", "--symmetric"], ["--symmetric", "--layout"]),
    (["--layout", "bitsandbytes", "--type", "nf4", "--group-size", "64"], ["--block-size"]),
  ]

  @Test(arguments: refusals.indices) func isRefusedWithWhatThereIs(number: Int) throws {
    let folder = try TemporaryFolder()
    let result = try Command.run(
      ["quantize", TinyLlama.path, folder.file("out")] + Self.refusals[number].arguments)
    #expect(result.exitCode == 64)
    for word in Self.refusals[number].words { #expect(result.errors.contains(word), "\(result.errors)") }
  }

  @Test func aGGUFHasNoLayout() throws {
    let folder = try TemporaryFolder()
    try Command.expectFailure(
      ["quantize", TinyLlama.path, folder.file("m.gguf"), "--layout", "mlx", "--type", "int4"], mentions: ["GGUF"])
    try Command.expectFailure(
      ["convert", TinyLlama.path, folder.file("out"), "--layout", "mlx"], mentions: ["no quantized weight"])
    let result = try Command.run(
      "convert", TinyLlama.path, folder.file("out"), "--layout", "mlx", "--dtype", "f16")
    #expect(result.exitCode == 64 && result.errors.contains("--layout and --dtype"))
  }
}
