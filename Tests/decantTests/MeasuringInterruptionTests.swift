import Foundation
import JSON
import TestSupport
import Testing

/// Measurements that are killed, and the same command again.
@Suite struct MeasuringInterruptionTests {
  /// Runs until the record of what is measured is there, and kills the process.
  private static func kill(_ arguments: [String], whenThereIs record: String) throws -> Bool {
    let process = try Command.start(arguments, output: .nullDevice, errors: .nullDevice)
    // Not a task's sleep: the other tests may leave this one no thread for longer than the program runs.
    while process.isRunning, !FileManager.default.fileExists(atPath: record) { usleep(500) }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    return process.terminationReason == .uncaughtSignal
  }

  /// Ctrl-C ends a measurement at once, and is answered.
  @Test func whatIsKeptIsSaid() throws {
    let folder = try TemporaryFolder()
    let errors = URL(fileURLWithPath: folder.file("errors"))
    let job = [
      "perplexity", TinyLlama.path, "--text", TinyLlama.heldOutText, "--context", "64", "--save-progress",
      folder.file("so-far"),
    ]
    let process = try Command.start(
      job, output: URL(fileURLWithPath: folder.file("output")), errors: errors)
    while process.isRunning, !FileManager.default.fileExists(atPath: folder.file("so-far")) { usleep(500) }
    Foundation.kill(process.processIdentifier, SIGINT)
    process.waitUntilExit()
    let said = try String(contentsOf: errors, encoding: .utf8)
    #expect(process.terminationStatus == 130, "\(said)")
    #expect(said.hasPrefix("decant: ") && said.contains("interrupted") && said.hasSuffix("\n"), "\(said)")
    let second = try Command.run(job)
    #expect(second.exitCode == 0 && second.errors.contains("going on with an earlier run"), "\(second.errors)")
  }

  @discardableResult
  private static func succeed(_ arguments: [String]) throws -> Command.Result {
    let result = try Command.run(arguments)
    try #require(result.exitCode == 0, "\(result.errors)")
    return result
  }

  @Test func anImportanceMatrixIsGoneOnWith() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "imatrix", TinyLlama.path, "--text", TinyLlama.heldOutText, "--context", "64", "--chunks", "96", "--output",
    ]
    try Self.succeed(arguments + [folder.file("whole.gguf")])
    let job = arguments + [folder.file("m.gguf")]
    try #require(try Self.kill(job, whenThereIs: folder.file(".m.gguf.collected")))
    #expect(!(try folder.names().contains("m.gguf")))
    let second = try Self.succeed(job)
    #expect(second.errors.contains("going on with an earlier run of this command: 32 windows are done"))
    #expect(try folder.read("m.gguf") == folder.read("whole.gguf"))
    #expect(try folder.names() == ["m.gguf", "whole.gguf"])

    try #require(try Self.kill(job + ["--force"], whenThereIs: folder.file(".m.gguf.collected")))
    let anew = try Self.succeed(job + ["--force", "--no-resume"])
    #expect(!anew.errors.contains("going on"))
    #expect(try folder.names() == ["m.gguf", "whole.gguf"])
  }

  @Test func aPartOfAnImportanceMatrixIsGoneOnWith() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "imatrix", TinyLlama.path, "--text", TinyLlama.heldOutText, "--context", "64", "--chunks", "192", "--part", "2/2",
      "--output",
    ]
    let name = "part-00002-of-00002.gguf"
    try Self.succeed(arguments + [folder.file("whole")])
    let job = arguments + [folder.file("m")]
    try #require(try Self.kill(job, whenThereIs: folder.file("m.parts/.\(name).collected")))
    #expect(!FileManager.default.fileExists(atPath: folder.file("m.parts/\(name)")))
    let second = try Self.succeed(job)
    #expect(second.errors.contains("going on with an earlier run of this command: 32 windows are done"))
    #expect(try folder.read("m.parts/\(name)") == folder.read("whole.parts/\(name)"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("m.parts")) == [name])
  }

  @Test func aPerplexityIsGoneOnWith() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "perplexity", TinyLlama.path, "--text", TinyLlama.heldOutText, "--context", "64", "--chunks", "96", "--json",
    ]
    let whole = try Self.succeed(arguments)
    let job = arguments + ["--save-progress", folder.file("so-far")]
    try #require(try Self.kill(job, whenThereIs: folder.file("so-far")))
    let otherText = try Command.run(
      ["perplexity", TinyLlama.path, "--text", TinyLlama.heldOutText, "--context", "32"]
        + ["--save-progress", folder.file("so-far")])
    #expect(otherText.exitCode == 1 && otherText.errors.contains("keeps another measurement"), "\(otherText.errors)")
    let second = try Self.succeed(job)
    #expect(second.errors.contains("32 windows are done"))
    #expect(try second.json().withoutOrigin == whole.json().withoutOrigin)
    #expect(try folder.names().isEmpty)
  }
}

extension JSONValue {
  /// What a measurement found, without how it was asked for.
  var withoutOrigin: JSONValue {
    var members = object ?? [:]
    members["origin"] = nil
    return .object(members)
  }
}
