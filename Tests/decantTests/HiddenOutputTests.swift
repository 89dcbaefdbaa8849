import Conversion
import TestSupport
import Testing

/// What a job makes beside its output, and what it must not touch there.
@Suite struct HiddenOutputTests {
  private static let target = "--target-bpw 6 --types q4_k,q8_0"

  /// Somebody's file keeps its name and its bytes.
  @Test(arguments: [
    (".o.gguf.trial.gguf", target), (".o.gguf.calibration", "--type q4_0 --calibrate"), (".o.gguf.lock", target),
    (".o.gguf.reference.gguf", "--type q4_0 --calibration"),
  ]) func whatIsInTheWayStays(_ name: String, _ options: String) throws {
    let folder = try TemporaryFolder()
    try folder.write("precious".utf8, to: name)
    var arguments = options.split(separator: " ").map(String.init)
    if arguments.last == "--calibration" { arguments.append(try TinyCalibration.path()) }
    try Command.expectFailure(
      ["quantize", TinyLlama.path, folder.file("o.gguf"), "--quiet"] + arguments, mentions: [name, "is in the way"])
    #expect(try folder.names() == [name])
    #expect(try folder.read(name) == Array("precious".utf8))
  }

  /// What a run that was killed has left is its own: the empty file says so.
  @Test func whatWasLeftIsReplaced() throws {
    let folder = try TemporaryFolder()
    try folder.write([], to: ".o.gguf.lock")
    try folder.write("left".utf8, to: ".o.gguf.trial.gguf")
    let run = try Command.run(
      ["quantize", TinyLlama.path, folder.file("o.gguf"), "--quiet"]
        + Self.target.split(separator: " ").map(String.init))
    #expect(run.exitCode == 0, "\(run.errors)")
    #expect(try folder.names() == ["o.gguf"])
  }

  /// Nothing that a job reads is what it writes.
  @Test(arguments: [
    "--recipe r.json --calibration c --save-recipe c", "--recipe r.json --save-recipe r.json",
    "--like l.gguf --save-recipe l.gguf",
    "--type q4_k --imatrix im --save-recipe im", "--type q4_0 --verify v.txt --save-recipe v.txt",
    "--type q4_0 --save-recipe o.gguf",
  ]) func aSavedRecipeReplacesNoInput(_ options: String) throws {
    let folder = try TemporaryFolder()
    try folder.write(try FileBytes.read(TinyCalibration.path()), to: "c")
    try folder.write(#"{"decant_recipe": 1, "types": {"blk.0.attn_q.weight": "q4_k"}}"#.utf8, to: "r.json")
    try Command.succeed("quantize", TinyLlama.path, folder.file("l.gguf"), "--type", "q4_0", "--quiet")
    let im = try Command.run(
      "calibrate", TinyLlama.path, "--tokens", "640", "--context", "32", "--output", folder.file("c2"), "--imatrix",
      folder.file("im"), "--quiet")
    #expect(im.exitCode == 0, "\(im.errors)")
    try folder.write(String(repeating: "the cat sat on a mat. ", count: 300).utf8, to: "v.txt")
    let names = try folder.names()
    let before = try names.map { try folder.read($0) }
    let arguments = options.split(separator: " ").map {
      $0.hasPrefix("--") || ["q4_0", "q4_k"].contains($0) ? String($0) : folder.file(String($0))
    }
    let run = try Command.run(["quantize", TinyLlama.path, folder.file("o.gguf"), "--force", "--quiet"] + arguments)
    #expect(run.exitCode == 1, "\(run.errors)")
    #expect(try folder.names() == names)
    #expect(try names.map { try folder.read($0) } == before)
  }

  @Test(arguments: ["--like o.gguf", "--recipe o.gguf"]) func anOutputReplacesNoInput(_ options: String) throws {
    let folder = try TemporaryFolder()
    if options.hasPrefix("--like") {
      try Command.succeed("quantize", TinyLlama.path, folder.file("o.gguf"), "--type", "q4_0", "--quiet")
    } else {
      try folder.write(#"{"decant_recipe": 1, "types": {"blk.0.attn_q.weight": "q4_k"}}"#.utf8, to: "o.gguf")
    }
    let before = try folder.read("o.gguf")
    try Command.expectFailure(
      [
        "quantize", TinyLlama.path, folder.file("o.gguf"), "--force", "--quiet",
        String(options.split(separator: " ")[0]), folder.file("o.gguf"),
      ],
      mentions: ["is the input"])
    #expect(try folder.read("o.gguf") == before)
  }

  @Test func aCalibrationAndItsMatrixHaveNamesOfTheirOwn() throws {
    let folder = try TemporaryFolder()
    try Command.expectFailure(
      ["calibrate", TinyLlama.path, "--output", folder.file("c"), "--imatrix", folder.file("./c"), "--force"],
      mentions: ["is the calibration's own name"])
    #expect(try folder.names().isEmpty)
  }
}
