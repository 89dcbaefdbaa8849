import ArgumentParser
import Bytes
import Foundation
import JSON
import TestSupport
import Testing

@testable import decant

/// The program is asked to stop, or killed, and started again.
@Suite struct InterruptionTests {
  /// A model, and the arguments that quantize it to `m.gguf`, which takes a while.
  private static func job(_ folder: TemporaryFolder) throws -> [String] {
    let model = try TinyCheckpoint {
      $0.hidden = 256
      $0.inner = 768
      $0.layers = 6
    }.write(to: folder.file("model"))
    try Command.succeed("quantize", model, folder.file("whole.gguf"), "--type", "q3_k", "--pure")
    return ["quantize", model, folder.file("m.gguf"), "--type", "q3_k", "--pure", "--threads", "1"]
  }

  /// Starts a run, and sends it a signal when it has completed some tensors more than the journal knew before.
  private static func run(_ arguments: [String], signal: Int32, in folder: TemporaryFolder) throws -> (
    process: Process, said: String
  ) {
    let said = URL(fileURLWithPath: folder.file("said"))
    let before = items(folder)
    let process = try Command.start(arguments, output: said, errors: said)
    // Not a task's sleep: the other tests may leave this one no thread for longer than the program runs.
    while process.isRunning, items(folder) < before + 3 { usleep(500) }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    defer { try? folder.remove("said") }
    return (process, String(decoding: try folder.read("said"), as: UTF8.self))
  }

  /// Tensors that the journal of the partial output lists.
  private static func items(_ folder: TemporaryFolder) -> Int {
    let text = String(decoding: (try? folder.read(".m.gguf.partial.journal")) ?? [], as: UTF8.self)
    return text.split(separator: "\n").count { $0.hasPrefix("item ") }
  }

  private static func finish(_ arguments: [String], _ folder: TemporaryFolder, goesOn: Bool) throws {
    let result = try Command.run(arguments + ["--force"])
    #expect(result.exitCode == 0, "\(result.errors)")
    #expect(result.errors.contains("going on with an earlier run") == goesOn, "\(result.errors)")
    #expect(try folder.read("m.gguf") == folder.read("whole.gguf"))
    #expect(try folder.names() == ["m.gguf", "model", "whole.gguf"])
  }

  @Test("It stops, says how to go on, and the next run ends with the same bytes", arguments: [SIGINT, SIGTERM])
  func stopping(_ signal: Int32) throws {
    let folder = try TemporaryFolder()
    let arguments = try Self.job(folder)
    var stopped = 0
    for _ in 0..<2 {
      let (process, said) = try Self.run(arguments, signal: signal, in: folder)
      #expect(process.terminationReason == .exit, "the program ends itself")
      guard process.terminationStatus != 0 else { break }  // It was quicker.
      // Where another machine goes on, only what is on disk counts; a person who has pressed Ctrl-C waits for no disk.
      let journal = String(decoding: try folder.read(".m.gguf.partial.journal"), as: UTF8.self)
      #expect(journal.contains("\nsynced ") == (signal == SIGTERM), "\(journal.suffix(200))")
      stopped += 1
      #expect(process.terminationStatus == 128 + signal && said.contains("the same command goes on"), "\(said)")
      #expect(try folder.names().filter { !$0.hasPrefix(".") } == ["model", "whole.gguf"])
    }
    #expect(stopped > 0)
    try Self.finish(arguments, folder, goesOn: stopped == 2)
  }

  /// What is known of layers is found again, and their weights are not encoded again.
  @Test func stoppingWhileCalibrating() throws {
    let folder = try TemporaryFolder()
    let arguments = [
      "quantize", TinyLlama.path, folder.file("m.gguf"), "--type", "q4_0", "--threads", "1", "--calibrate", "--text",
      TinyLlama.heldOutText, "--no-measure",
    ]
    try Command.succeed(arguments)
    let whole = try folder.read("m.gguf")
    try folder.remove("m.gguf")
    let (process, said) = try Self.run(arguments, signal: SIGINT, in: folder)
    #expect(process.terminationReason == .exit && process.terminationStatus == 128 + SIGINT, "\(said)")
    #expect(said.contains("the same command goes on"), "\(said)")
    let result = try Command.succeed(arguments)
    #expect(result.errors.contains("going on with an earlier run"), "\(result.errors)")
    #expect(try folder.read("m.gguf") == whole)
    #expect(try folder.names() == ["m.gguf"])
  }

  /// Gradients depend on every weight: of a model that may be another nothing is kept that was chosen by them.
  @Test func aModelThatWasTouchedIsCalibratedAnew() throws {
    let folder = try TemporaryFolder()
    let model = folder.file("model")
    try FileManager.default.copyItem(atPath: TinyLlama.path, toPath: model)
    let arguments = [
      "quantize", model, folder.file("m.gguf"), "--type", "q4_0", "--threads", "1", "--calibrate", "--text",
      TinyLlama.heldOutText, "--no-measure",
    ]
    let (process, said) = try Self.run(arguments, signal: SIGINT, in: folder)
    #expect(process.terminationStatus == 128 + SIGINT, "\(said)")
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: 1e9)], ofItemAtPath: model + "/model-00002-of-00002.safetensors")
    let result = try Command.succeed(arguments)
    #expect(result.errors.contains("tensors that an earlier run has completed do not count"), "\(result.errors)")
    #expect(!result.errors.contains("going on with an earlier run"), "\(result.errors)")
  }

  @Test func aKilledRunIsGoneOnWith() throws {
    let folder = try TemporaryFolder()
    let arguments = try Self.job(folder)
    var killed = 0
    for _ in 0..<2 {
      let (process, _) = try Self.run(arguments, signal: SIGKILL, in: folder)
      guard process.terminationReason == .uncaughtSignal else { break }
      killed += 1
      #expect(try folder.names().filter { !$0.hasPrefix(".") } == ["model", "whole.gguf"])
    }
    #expect(killed > 0)
    try Self.finish(arguments, folder, goesOn: killed == 2)
  }

  @Test func whatIsStartedOverDoesNotGoOn() throws {
    let folder = try TemporaryFolder()
    let arguments = try Self.job(folder)
    _ = try Self.run(arguments, signal: SIGKILL, in: folder)
    try Self.finish(arguments + ["--no-resume"], folder, goesOn: false)
  }

  @Test("A signal that comes while the output gets its name ends the run before the measurement")
  func stoppingBeforeTheMeasurement() async {
    await #expect(processExitsWith: .exitCode(42)) {
      let folder = try TemporaryFolder()
      let command = try QuantizeCommand.parse([
        TinyLlama.path, folder.file("m.gguf"), "--type", "q8_0", "--verify", TinyLlama.heldOutText, "--quiet",
      ])
      Interruption.watch()
      let signals = SystemFaults.interrupting(.rename, number: 0)
      do {
        try await SystemFaults.$current.withValue(signals) { try await command.run() }
      } catch let error as FileError where error.code == .interrupted {
        let isThere = try folder.names() == ["m.gguf"]
        let isSaid =
          error.description.contains("the output is complete, but was not measured")
          && error.description.contains("decant compare \(TinyLlama.path) \(folder.file("m.gguf")) --text ")
        Foundation.exit(isThere && isSaid ? 42 : 3)
      }
      Foundation.exit(4)
    }
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

extension SystemFaults {
  /// None, but the process is asked to stop at the call with that number.
  static func interrupting(_ call: Call, number: Int) -> SystemFaults {
    SystemFaults(.ioError, call) { at in
      guard at == number else { return false }
      // To the process: the threads of tasks take no signals.
      kill(getpid(), SIGINT)
      while Interruption.signal == nil { usleep(100) }
      return false
    }
  }
}
