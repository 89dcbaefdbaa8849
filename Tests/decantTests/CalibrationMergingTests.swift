import Bytes
import Conversion
import TestSupport
import Testing

/// Calibrations of several texts become one, whoever read which.
@Suite struct CalibrationMergingTests {
  /// Calibrations of the tiny model over texts of three kinds, made once.
  private static let calibrations: (folder: TemporaryFolder, paths: [String])? = {
    guard let folder = try? TemporaryFolder() else { return nil }
    var paths: [String] = []
    for (number, words) in ["the cat sat on a mat. ", "one two three four five. ", "if (x > 0) { return y; } "]
      .enumerated()
    {
      guard
        let text = try? folder.write(Array(String(repeating: words, count: 120).utf8), to: "\(number).txt"),
        let run = try? Command.run(
          "calibrate", TinyLlama.path, "--text", text, "--tokens", "512", "--context", "32", "--seed", "\(number)",
          "--mergeable", "--output", folder.file("\(number).calibration"), "--quiet"), run.exitCode == 0
      else { return nil }
      paths.append(folder.file("\(number).calibration"))
    }
    return (folder, paths)
  }()

  private static func paths() throws -> [String] { try #require(calibrations).paths }

  private static func merge(_ paths: [String], to output: String) throws {
    let run = try Command.run(["calibrate", "--merge"] + paths + ["--output", output, "--quiet"])
    try #require(run.exitCode == 0, "\(run.errors)")
  }

  @Test func neitherOrderNorGroupingChangesAByte() throws {
    let folder = try TemporaryFolder()
    let parts = try Self.paths()
    try Self.merge(parts, to: folder.file("abc"))
    try Self.merge([parts[2], parts[0], parts[1]], to: folder.file("cab"))
    try Self.merge([parts[1], parts[2]], to: folder.file("bc"))
    try Self.merge([folder.file("bc"), parts[0]], to: folder.file("bc-a"))
    let whole = try folder.read("abc")
    #expect(try folder.read("cab") == whole && folder.read("bc-a") == whole)
    let merged = try CalibrationFile(path: folder.file("abc"))
    #expect(merged.settings.parts.count == 3 && merged.settings.texts.count == 3)
    let tokens = try parts.reduce(0) { try $0 + #require(try CalibrationFile(path: $1).tokens(of: Self.layer)) }
    #expect(try merged.tokens(of: Self.layer) == tokens)
    #expect(try merged.heldBack().count == 3)
    let shown = try Command.succeed("inspect", folder.file("abc")).output
    #expect(shown.contains("can be merged") && shown.contains(", seed 2"))
  }

  private static let layer = "model.layers.1.mlp.up_proj.weight"

  /// The importance of columns is the mean over all tokens.
  @Test func sumsAreAdded() throws {
    let folder = try TemporaryFolder()
    try Self.merge(Self.paths(), to: folder.file("all"))
    var sums: [Double] = []
    var tokens = 0
    for path in try Self.paths() {
      let part = try CalibrationFile(path: path)
      let count = try #require(try part.tokens(of: Self.layer))
      let squares = try #require(try part.squares(of: Self.layer)).map { Double($0) * Double(count) }
      sums = sums.isEmpty ? squares : zip(sums, squares).map(+)
      tokens += count
    }
    let merged = try #require(try CalibrationFile(path: folder.file("all")).squares(of: Self.layer))
    for (sum, square) in zip(sums, merged) {
      #expect(abs(sum / Double(tokens) - Double(square)) <= 1e-5 * Double(square))
    }
  }

  /// Sums that are kept whole are the same numbers. An output names the file, so that both have one name.
  @Test func itSelectsTheSameCodes() throws {
    let folder = try TemporaryFolder()
    let text = try #require(Self.calibrations).folder.file("1.txt")
    try Command.succeed(
      "calibrate", TinyLlama.path, "--text", text, "--tokens", "512", "--context", "32", "--seed", "1", "--output",
      folder.file("1.calibration"), "--quiet")
    for (name, calibration) in [("a.gguf", folder.file("1.calibration")), ("b.gguf", try Self.paths()[1])] {
      try Command.succeed(
        "quantize", TinyLlama.path, folder.file(name), "--type", "q4_k", "--pure", "--calibration", calibration,
        "--no-measure", "--no-provenance", "--quiet")
    }
    #expect(try folder.read("a.gguf") == folder.read("b.gguf"))
    try Self.merge(Self.paths(), to: folder.file("all"))
    try Command.succeed(
      "quantize", TinyLlama.path, folder.file("c.gguf"), "--type", "q4_k", "--pure", "--calibration",
      folder.file("all"),
      "--quiet")
  }

  /// Whatever its name, and whatever stands between.
  @Test func aTextCountsOnce() throws {
    let folder = try TemporaryFolder()
    let first = try #require(Self.calibrations).folder
    try folder.write(first.read("0.txt"), to: "zz.txt")
    for (name, texts) in [("both", [first.file("0.txt"), first.file("1.txt")]), ("one", [folder.file("zz.txt")])] {
      let run = try Command.run(
        ["calibrate", TinyLlama.path, "--text"] + texts
          + ["--tokens", "512", "--context", "32", "--mergeable", "--output", folder.file(name), "-q"])
      #expect(run.exitCode == 0, "\(run.errors)")
    }
    try Command.expectFailure(
      ["calibrate", "--merge", folder.file("both"), folder.file("one"), "--output", folder.file("out"), "-q"],
      mentions: ["would count twice"])
  }

  @Test func whatCannotBeMergedIsRefused() throws {
    let folder = try TemporaryFolder()
    let parts = try Self.paths()
    let text = try #require(Self.calibrations).folder.file("0.txt")
    for (name, options) in [
      ("plain", [String]()), ("longer", ["--mergeable", "--context", "64"]),
      ("narrow", ["--mergeable", "--no-fisher"]),
    ] {
      let run = try Command.run(
        [
          "calibrate", TinyLlama.path, "--text", text, "--tokens", "512", "--context", "32", "--output",
          folder.file(name), "--quiet",
        ]
        .filter { !(name == "longer" && ($0 == "--context" || $0 == "32")) } + options)
      #expect(run.exitCode == 0, "\(run.errors)")
    }
    let names = try folder.names()
    for (paths, message) in [
      ([parts[0], folder.file("plain")], "cannot be merged: it has means"),
      ([parts[0], folder.file("longer")], "has windows of 64 tokens"),
      ([parts[1], folder.file("narrow")], "has moments without gradients"),
      ([parts[0], parts[0]], "would count twice"),
    ] {
      let run = try Command.run(["calibrate", "--merge"] + paths + ["--output", folder.file("out"), "--quiet"])
      #expect(run.exitCode == 1 && run.errors.contains(message), "\(run.errors)")
      #expect(try folder.names() == names)
    }
    for arguments in [
      ["calibrate", "--output", "x"], ["calibrate", "--merge", parts[0], "--output", "x"],
      ["calibrate", TinyLlama.path, "--output", "x", "--merge", parts[0], parts[1]],
    ] {
      #expect(try Command.run(arguments).exitCode == 64)
    }
  }
}
