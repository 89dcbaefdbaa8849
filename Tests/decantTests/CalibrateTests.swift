import Bytes
import Conversion
import Foundation
import JSON
import TestSupport
import Testing

/// Calibrations from the command line, and what is quantized with them.
@Suite struct CalibrateTests {
  @Test func neitherThreadsNorAnotherRunChangeAByte() throws {
    let folder = try TemporaryFolder()
    for (name, threads) in [("a", "1"), ("b", "3")] {
      try Command.succeed(
        "calibrate", TinyLlama.path, "--tokens", "1024", "--context", "32", "--threads", threads, "--output",
        folder.file(name), "--quiet")
    }
    #expect(try folder.read("a") == folder.read("b"))
  }

  @Test func saysWhatItHasRead() throws {
    let folder = try TemporaryFolder()
    let told = try Command.json(
      [
        "calibrate", TinyLlama.path, "--tokens", "1024", "--context", "32", "--output", folder.file("c"), "--imatrix",
        folder.file("im.gguf"),
      ])
    let names = try #require(told["texts"]?.array).compactMap { $0["name"]?.string }
    #expect(names == ["articles", "prose", "documentation", "code", "generated"])
    #expect(told["layers"]?.int == 4 * 7 + 1 && told["fisher"]?.bool == true)
    let calibration = try CalibrationFile(path: folder.file("c"))
    #expect(calibration.settings.texts.map(\.name) == names)
    for text in calibration.settings.texts { #expect(text.tokens > 0 && text.heldBackTokens > 0) }
    // The importance matrix beside it is that of the same tokens.
    let matrix = try ImportanceMatrix(path: folder.file("im.gguf"))
    #expect(matrix.entries.count == 4 * 7)
    let squares = try #require(try calibration.squares(of: "model.layers.0.mlp.up_proj.weight"))
    let entry = try #require(matrix.entries["blk.0.ffn_up.weight"])
    for (sum, square) in zip(entry.sums, squares) {
      #expect((sum - square * Float(entry.counts[0])).magnitude <= 1e-6 * sum)
    }
  }

  @Test func inspectSaysWhatItIs() throws {
    let told = try Command.json(["inspect", try TinyCalibration.path()])
    #expect(told["container"]?.string == "calibration" && told["layers"]?.int == 29)
    let shown = try Command.succeed("inspect", try TinyCalibration.path(), "--tensors").output
    for text in ["calibration", "documentation: ", "held back", "model.layers.3.mlp.down_proj.weight"] {
      #expect(shown.contains(text))
    }
  }

  /// What the model has written can be read again.
  @Test func textsOfACalibrationAreTexts() throws {
    let folder = try TemporaryFolder()
    let told = try Command.json(
      [
        "calibrate", TinyLlama.path, "--text", try TinyCalibration.path(), "--tokens", "640", "--context", "32",
        "--output",
        folder.file("again"), "--no-fisher",
      ])
    #expect(try #require(told["texts"]?.array).count == 5 && told["fisher"]?.bool == false)
  }

  /// The options of a type, and the ending of what has it.
  private static let types: [(options: String, ending: String)] = [
    ("--type nf4", ""), ("--type fp4", ""), ("--type int4 --block-size 32", ""), ("--type int8", ""),
    ("--type nf4 --double-quant", ""), ("--type q4_0 --pure", ".gguf"), ("--type q4_1 --pure", ".gguf"),
    ("--type q5_0 --pure", ".gguf"), ("--type q8_0 --pure", ".gguf"), ("--type q4_k_m", ".gguf"),
    ("--type q3_k_m", ".gguf"),
    ("--type q2_k", ".gguf"), ("--type iq4_nl --pure", ".gguf"), ("--type iq4_xs", ".gguf"), ("--type mxfp4", ".gguf"),
    ("--type nvfp4", ".gguf"), ("--type q2_0 --pure", ".gguf"), ("--layout gptq --type int4", ""),
    ("--layout gptq --type int4 --no-symmetric", ""), ("--layout awq --type int4", ""),
    ("--layout mlx --type int3", ""),
    ("--layout mlx --type mxfp4", ""), ("--layout mlx --type nvfp4", ""),
    ("--layout compressed-tensors --type int4", ""),
    ("--layout compressed-tensors --type int4 --no-symmetric", ""), ("--layout compressed-tensors --type nvfp4", ""),
    ("--layout modelopt --type nvfp4", ""),
  ]

  @Test(arguments: types.map(\.options)) func losesLess(_ options: String) throws {
    let folder = try TemporaryFolder()
    let name = "model" + (Self.types.first { $0.options == options }?.ending ?? "")
    let told = try Command.json(
      ["quantize", TinyLlama.path, folder.file(name), "--calibration", try TinyCalibration.path()]
        + options.split(separator: " ").map(String.init))
    let calibration = try #require(told["calibration"])
    #expect(calibration["kept"]?.string == "calibrated")
    let texts = try #require(calibration["texts"]?.array)
    #expect(texts.count == 5)
    var (reference, calibrated) = (0.0, 0.0)
    for text in texts {
      reference += try #require(text["reference"]?["kl"]?.double)
      calibrated += try #require(text["calibrated"]?["kl"]?.double)
    }
    #expect(calibrated < 0.75 * reference)
    let tensors = try #require(calibration["tensors"]?.array)
    #expect(tensors.count >= 28)
    for tensor in tensors {
      // Never worse by what was held back.
      let (own, taken) = (try #require(tensor["reference"]?.double), try #require(tensor["calibrated"]?.double))
      #expect(taken <= own)
    }
    // Nothing is left of what it was measured against.
    #expect(try folder.names() == [name])
  }

  /// A calibration that is forgotten layer after layer is that which is written to a file, and so is what the output says of it.
  @Test(arguments: [("nf4", "one"), ("q4_k_m", "one.gguf"), ("q2_k_s", "one.gguf"), ("mlx", "one")])
  func bothInOneGoAreTheSame(_ type: String, _ name: String) throws {
    let folder = try TemporaryFolder()
    let types = type == "mlx" ? ["--layout", type, "--type", "int4"] : ["--type", type]
    let text = ["--text", TinyLlama.heldOutText]
    let one = try Command.run(
      ["quantize", TinyLlama.path, folder.file(name), "--calibrate", "--quiet", "--keep-worse"] + types + text)
    #expect(one.exitCode == 0, "\(one.errors)")
    #expect(try folder.names() == [name])
    let calibrated = try Command.run(
      ["calibrate", TinyLlama.path, "--output", folder.file("c"), "--quiet"] + text)
    #expect(calibrated.exitCode == 0, "\(calibrated.errors)")
    let again = try Command.succeed(
      "rebuild", folder.file(name), "--from", TinyLlama.path, "--calibration", folder.file("c"))
    #expect(again.output.contains("the same"))
  }

  /// Rows of merged weights are those of layers too, in whatever order they are stored.
  @Test(arguments: ["plain", "dora"]) func weightsThatAnAdapterChangesAreCalibrated(_ adapter: String) throws {
    let folder = try TemporaryFolder()
    let fixtures = URL(fileURLWithPath: TinyLlama.path).deletingLastPathComponent()
    let said = try Command.json([
      "quantize", TinyLlama.path, folder.file("m.gguf"), "--type", "q4_0", "--calibrate", "--text",
      TinyLlama.heldOutText,
      "--no-measure", "--adapter", fixtures.appendingPathComponent("adapters/\(adapter)").path,
    ])
    let tensors = try #require(said["calibration"]?["tensors"]?.array)
    #expect(tensors.count { $0["calibrated_rows"]?.int ?? 0 > 0 } >= 28)
  }

  @Test(arguments: [
    (["--type", "f16"], "--calibrate changes nothing for f16"),
    (["--type", "q2_k_s"], "or calibrate with --calibrate"),
  ])
  func whatCalibrationIsFor(_ arguments: [String], _ says: String) throws {
    let folder = try TemporaryFolder()
    let more = arguments.contains("f16") ? ["--calibrate"] : []
    let result = try Command.run(["quantize", TinyLlama.path, folder.file("m.gguf")] + arguments + more)
    #expect(result.exitCode != 0 && result.errors.contains(says), "\(result.errors)")
    #expect(try folder.names().isEmpty)
  }

  /// The same text elsewhere is the same calibration.
  @Test func whereATextLiesDoesNotCount() throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(atPath: folder.file("sub"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: TinyLlama.heldOutText, toPath: folder.file("sub/heldout.txt"))
    for (name, text) in [("a", TinyLlama.heldOutText), ("b", folder.file("sub/heldout.txt"))] {
      try Command.succeed(
        "calibrate", TinyLlama.path, "--text", text, "--tokens", "1024", "--context", "64", "--output",
        folder.file(name),
        "--quiet")
    }
    #expect(try folder.read("a") == folder.read("b"))
  }

  @Test func threadsAndKernelsGiveTheSameBytes() throws {
    let folder = try TemporaryFolder()
    var files: [[UInt8]] = []
    for (number, (threads, kernels)) in [("1", nil), ("3", nil), ("2", "baseline")].enumerated() {
      let output = folder.file("\(number).gguf")
      let result = try Command.run(
        [
          "quantize", TinyLlama.path, output, "--type", "q4_0", "--calibration", try TinyCalibration.path(),
          "--no-measure",
          "--threads",
          threads, "--quiet",
        ], environment: kernels.map { ["DECANT_KERNELS": $0] } ?? [:])
      #expect(result.exitCode == 0, "\(result.errors)")
      files.append(try folder.read("\(number).gguf"))
    }
    #expect(files[0] == files[1])
    #expect(files[0] == files[2])
  }

  @Test func canBeMadeAgain() throws {
    let folder = try TemporaryFolder()
    let output = folder.file("q4_0.gguf")
    try Command.succeed(
      "quantize", TinyLlama.path, output, "--type", "q4_0", "--calibration", try TinyCalibration.path(), "--no-measure",
      "--quiet")
    let result = try Command.succeed(
      "rebuild", output, "--from", TinyLlama.path, "--calibration", try TinyCalibration.path())
    #expect(result.output.contains("the same"))
    try Command.expectFailure(
      ["rebuild", output, "--from", TinyLlama.path],
      mentions: ["was made with the calibration \"tiny.calibration\"; give it with --calibration"])
    try Command.succeed(
      "calibrate", TinyLlama.path, "--tokens", "640", "--context", "32", "--output", folder.file("other"), "--quiet")
    try Command.expectFailure(
      ["rebuild", output, "--from", TinyLlama.path, "--calibration", folder.file("other")],
      mentions: ["is not the calibration \"tiny.calibration\""])
  }

  @Test func anotherFileIsNoCalibration() throws {
    let folder = try TemporaryFolder()
    try Command.expectFailure(
      [
        "quantize", TinyLlama.path, folder.file("x.gguf"), "--type", "q4_0", "--calibration",
        TinyLlama.path + "/model-00001-of-00002.safetensors",
      ], mentions: ["is no calibration"])
    #expect(try folder.names().isEmpty)
  }

  @Test func aCalibrationIsNoImportanceMatrixNorTheOtherWayRound() throws {
    let folder = try TemporaryFolder()
    try Command.succeed(
      "calibrate", TinyLlama.path, "--tokens", "640", "--context", "32", "--output", folder.file("c"), "--imatrix",
      folder.file("im"), "--quiet")
    let common = ["quantize", TinyLlama.path, folder.file("x.gguf"), "--type", "q4_0", "--quiet"]
    try Command.expectFailure(common + ["--imatrix", folder.file("c")], mentions: ["is given with --calibration"])
    try Command.expectFailure(common + ["--calibration", folder.file("im")], mentions: ["is given with --imatrix"])
    #expect(try folder.names() == ["c", "im"])
  }

  @Test func damageIsTold() throws {
    let folder = try TemporaryFolder()
    var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: TinyCalibration.path())))
    // Somewhere in the numbers, far behind the header.
    bytes[bytes.count / 2] ^= 1
    let damaged = folder.file("damaged")
    try Data(bytes).write(to: URL(fileURLWithPath: damaged))
    try Command.expectFailure(
      ["quantize", TinyLlama.path, folder.file("x.gguf"), "--type", "q4_0", "--calibration", damaged, "--quiet"],
      mentions: ["has other bytes than were written"])
    #expect(try folder.names() == ["damaged"])
  }

  @Test(arguments: [
    (["--calibration", "x", "--imatrix", "y"], "--calibration is an importance matrix too"),
    (["--no-measure"], "--no-measure changes nothing without --calibration"),
    (["--text", "x"], "--text changes nothing without --calibrate"),
    (["--calibration", "x", "--calibrate"], "leave one of them out"),
    (["--imatrix", "x", "--calibrate"], "leave --imatrix out"),
    (["--keep-worse"], "--keep-worse changes nothing without --calibration"),
    (["--calibration", "x", "--keep-worse", "--no-measure"], "--keep-worse changes nothing with --no-measure"),
  ])
  func whatChangesNothingIsRefused(_ options: [String], _ message: String) throws {
    let result = try Command.run(["quantize", TinyLlama.path, "/nowhere/x.gguf", "--type", "q4_0"] + options)
    #expect(result.exitCode == 64 && result.errors.contains(message))
  }

  @Test func mergingIsLeftToQuantize() throws {
    let result = try Command.run(
      ["merge", TinyLlama.path, TinyLlama.adapter("plain"), "/nowhere/x.gguf", "--type", "q4_0", "--calibration", "x"])
    #expect(result.exitCode == 64 && result.errors.contains("--adapter names them"))
  }

  @Test func typesWithoutLevelsAreRefused() throws {
    let result = try Command.run(
      ["quantize", TinyLlama.path, "/nowhere/x.gguf", "--type", "f16", "--calibration", try TinyCalibration.path()])
    #expect(result.exitCode == 64 && result.errors.contains("--calibration changes nothing for"))
  }

  @Test func aPriceIsToldAndNothingWritten() throws {
    let folder = try TemporaryFolder()
    let told = try Command.json(["calibrate", TinyLlama.path, "--output", folder.file("c"), "--dry-run"])
    for key in ["bytes", "scratch_bytes", "memory", "operations", "seconds"] {
      #expect(try #require(told[key]?.double) > 0)
    }
    #expect(try folder.names().isEmpty)
  }

  @Test func textsMayComeFromPipes() throws {
    let folder = try TemporaryFolder()
    let text = try folder.write(String(repeating: "the cat sat on a mat. ", count: 300).utf8, to: "t")
    let options = "\(TinyLlama.path) --tokens 256 --context 32 -q"
    let result = try Command.shell(
      "decant calibrate \(options) -o \(folder.file("a")) --text - < \(text) && "
        + "decant calibrate \(options) -o \(folder.file("b")) --text <(cat \(text))")
    #expect(result.exitCode == 0, "\(result.errors)")
    let sums = try ["a", "b"].map {
      try CalibrationFile(path: folder.file($0)).squares(of: "model.layers.0.mlp.up_proj.weight")
    }
    #expect(sums[0] != nil && sums[0] == sums[1])
  }

  @Test func oneTextTwiceIsRefused() throws {
    let folder = try TemporaryFolder()
    try folder.write(String(repeating: "the cat sat on a mat. ", count: 300).utf8, to: "t")
    try Command.expectFailure(
      ["calibrate", TinyLlama.path, "--text", folder.file("t"), folder.file("t"), "--output", folder.file("c")],
      mentions: ["would count twice"])
    #expect(try folder.names() == ["t"])
  }

  @Test(arguments: [["--tokens", "1000000000000"], ["--context", "9223372036854775807"]])
  func moreThanAnyTextIsRefused(_ options: [String]) throws {
    let result = try Command.run(["calibrate", TinyLlama.path, "--output", "/nowhere/c", "--dry-run"] + options)
    #expect(result.exitCode == 64 && result.errors.contains("at most"))
  }

  @Test func shortTextsAndLittleMemoryAreTold() throws {
    let folder = try TemporaryFolder()
    let text = folder.file("short.txt")
    try Data("Too short.".utf8).write(to: URL(fileURLWithPath: text))
    try Command.expectFailure(
      ["calibrate", TinyLlama.path, "--text", text, "--output", folder.file("c")],
      mentions: ["is too short: it has to fill two windows"])
    try Command.expectFailure(
      ["calibrate", TinyLlama.path, "--memory", "1MB", "--output", folder.file("c")], mentions: ["--memory allows more"]
    )
    #expect(try folder.names() == ["short.txt"])
  }
}
