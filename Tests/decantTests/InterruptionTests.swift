import Foundation
import JSON
import TestSupport
import Testing

/// The program is asked to stop, and started again.
@Suite struct InterruptionTests {
  /// Runs, sends a signal, and gives the exit code and what was said.
  private static func run(
    _ arguments: [String], signal: Int32, after time: Duration, in folder: TemporaryFolder
  ) async throws -> (code: Int32, said: String) {
    let said = URL(fileURLWithPath: folder.file("said"))
    let process = try Command.start(arguments, output: said, errors: said)
    try await Task.sleep(for: time)
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit, "the program ends itself")
    defer { try? folder.remove("said") }
    return (process.terminationStatus, String(decoding: try folder.read("said"), as: UTF8.self))
  }

  @Test("It stops at once, says how to go on, and the next run ends with the same bytes", arguments: [SIGINT, SIGTERM])
  func stopping(_ signal: Int32) async throws {
    let folder = try TemporaryFolder()
    // Long enough to be met half way: a few seconds in a debug build.
    let model = try TinyCheckpoint {
      $0.hidden = 512
      $0.inner = 2048
      $0.layers = 6
    }.write(to: folder.file("model"))
    let arguments = ["quantize", model, folder.file("m.gguf"), "--type", "q6_k", "--threads", "1"]
    try Command.succeed("quantize", model, folder.file("whole.gguf"), "--type", "q6_k")
    var stopped = 0
    for milliseconds in [50, 200, 400, 800, 1600] {
      let (code, said) = try await Self.run(arguments, signal: signal, after: .milliseconds(milliseconds), in: folder)
      guard code != 0 else { break }
      #expect(code == 128 + signal, "\(said)")
      #expect(try !folder.names().contains("m.gguf"))
      if said.contains("the same command goes on") { stopped += 1 }
    }
    #expect(stopped > 0, "a run was stopped after it had finished a tensor")
    let result = try Command.run(arguments + ["--force"])
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(try folder.read("m.gguf") == folder.read("whole.gguf"))
    #expect(try folder.names() == ["m.gguf", "model", "whole.gguf"])
  }

  @Test func aKilledRunIsGoneOnWith() async throws {
    let folder = try TemporaryFolder()
    let model = try TinyCheckpoint {
      $0.hidden = 512
      $0.inner = 2048
      $0.layers = 6
    }.write(to: folder.file("model"))
    let arguments = ["quantize", model, folder.file("m.gguf"), "--type", "q6_k", "--threads", "1"]
    try Command.succeed("quantize", model, folder.file("whole.gguf"), "--type", "q6_k")
    for milliseconds in [100, 300, 600] {
      try await Killing.run(arguments, after: .milliseconds(milliseconds), in: folder)
    }
    let result = try Command.run(arguments + ["--force"])
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(try folder.read("m.gguf") == folder.read("whole.gguf"))
    #expect(try folder.names() == ["m.gguf", "model", "whole.gguf"])
  }

  @Test func resultsThatNobodyReadsAreAFailure() throws {
    let pipe = Pipe()
    try pipe.fileHandleForReading.close()
    let process = try Command.start(
      ["inspect", TinyLlama.path], output: pipe.fileHandleForWriting, errors: FileHandle.nullDevice)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 1)
  }
}
