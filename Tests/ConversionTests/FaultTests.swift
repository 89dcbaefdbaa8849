import Bytes
import Foundation
import Quantization
import Synchronization
import TestSupport
import Testing

@testable import Conversion

/// A system that fails while a model is converted: at every call of every kind, one after the other.
@Suite struct FaultTests {
  private static func job(_ bench: Workbench, to output: String) throws -> Plan {
    try Plan(
      converting: try Checkpoint(path: bench.path("model")), to: Destination(path: bench.path(output)),
      recipe: Recipe(try .quantizing(output.hasSuffix(".gguf") ? "q8_0" : "nf4")))
  }

  /// Every file of an output with its bytes: of a folder, or one file.
  private static func contents(_ path: String) throws -> [String: [UInt8]] {
    try FileSystem.isFolder(path) ? Workbench.files(of: path) : ["": try Workbench.bytes(path)]
  }

  /// Runs the job with calls that fail, as it must.
  @discardableResult
  private static func fail(
    _ bench: Workbench, to output: String, _ faults: SystemFaults, workers: Int = 1
  ) async -> FileError? {
    await #expect(throws: FileError.self) {
      try await SystemFaults.$current.withValue(faults) {
        _ = try await job(bench, to: output).pour(workers: workers)
      }
    }
  }

  /// A disk that is full when some tensors are complete.
  private static var diskThatFills: SystemFaults { SystemFaults(.diskFull, .write) { $0 >= 12 } }

  @Test(
    "Whatever call fails, the target is not there, and a second run makes it complete",
    arguments: ["m.gguf", "folder"], SystemFaults.Call.allCases)
  func everyCall(_ output: String, _ call: SystemFaults.Call) async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    let whole = bench.path("whole" + output)
    let counter = SystemFaults.counting()
    try await SystemFaults.$current.withValue(counter) {
      _ = try await Self.job(bench, to: "whole" + output).pour(workers: 1)
    }
    let calls = counter.count(of: call)
    let step = max(1, calls / 40)
    for number in stride(from: 0, to: calls, by: step) {
      let faults = SystemFaults(.ioError, call) { $0 == number }
      do {
        try await SystemFaults.$current.withValue(faults) {
          _ = try await Self.job(bench, to: output).pour(workers: 1)
        }
        // A failure of what only asks, or of the way to it, may be of no consequence.
        #expect(try Self.contents(bench.path(output)) == Self.contents(whole), "\(call) \(number)")
      } catch let error as FileError {
        #expect(!error.description.isEmpty)
        let isThere = try FileSystem.exists(bench.path(output))
        // The last call of all brings the new name to disk.
        if isThere { #expect(try Self.contents(bench.path(output)) == Self.contents(whole), "\(call) \(number)") }
      }
      if try FileSystem.exists(bench.path(output)) { try bench.folder.remove(output) }
      _ = try await Self.job(bench, to: output).pour(workers: 1)
      #expect(try Self.contents(bench.path(output)) == Self.contents(whole), "\(call) \(number)")
      try bench.folder.remove(output)
      #expect(try bench.folder.names().filter { $0.hasPrefix(".") }.isEmpty, "\(call) \(number)")
    }
  }

  @Test("A full disk is said in a sentence, and the next run goes on", arguments: ["m.gguf", "folder"])
  func fullDisk(_ output: String) async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    _ = try await Self.job(bench, to: "whole" + output).pour(workers: 1)
    var resumed = 0
    for number in stride(from: 1, to: 24, by: 3) {
      let error = await Self.fail(bench, to: output, SystemFaults(.diskFull, .write) { $0 >= number }, workers: 2)
      #expect(error?.description.contains("the disk is full; free some space") == true)
      #expect(try !FileSystem.exists(bench.path(output)))
      let events = Events()
      _ = try await Self.job(bench, to: output).pour(workers: 2) { events.add($0) }
      resumed += events.resumedTensors
      #expect(
        try Self.contents(bench.path(output)) == Self.contents(bench.path("whole" + output)), "write \(number)")
      try bench.folder.remove(output)
      #expect(try bench.folder.names().filter { $0.hasPrefix(".") }.isEmpty)
    }
    #expect(resumed > 0, "some of these runs were gone on with")
  }

  @Test("Calls that are interrupted or do half of their work are continued", arguments: ["m.gguf", "folder"])
  func interruptedAndShort(_ output: String) async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    _ = try await Self.job(bench, to: "whole" + output).pour(workers: 1)
    for (fault, calls) in [
      (SystemFaults.Fault.interrupted, [SystemFaults.Call.read, .write, .open, .synchronize, .setLength, .lock]),
      (.short, [.read, .write]),
    ] {
      for call in calls {
        let faults = SystemFaults(fault, call) { $0.isMultiple(of: 2) }
        try await SystemFaults.$current.withValue(faults) {
          _ = try await Self.job(bench, to: output).pour(workers: 1)
        }
        #expect(try Self.contents(bench.path(output)) == Self.contents(bench.path("whole" + output)), "\(call)")
        try bench.folder.remove(output)
      }
    }
  }

  @Test func anotherJobDoesNotGoOnWithWhatIsThere() async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    await Self.fail(bench, to: "m.gguf", Self.diskThatFills)
    #expect(try bench.folder.names().contains(".m.gguf.partial"))
    let other = try Plan(
      converting: try Checkpoint(path: bench.path("model")), to: Destination(path: bench.path("m.gguf")),
      recipe: Recipe(try .quantizing("q4_1")))
    let events = Events()
    _ = try await other.pour(workers: 1) { events.add($0) }
    #expect(events.resumedTensors == 0)
    #expect(try bench.folder.names() == ["m.gguf", "model"])
  }

  @Test("What an earlier run has left survives a run that cannot begin", arguments: ["m.gguf", "folder"])
  func nothingIsLostAtTheBeginning(_ output: String) async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    for faults in [
      Self.diskThatFills, SystemFaults(.diskFull, .setLength) { $0 >= 1 }, SystemFaults(.ioError, .lock) { _ in true },
    ] {
      await Self.fail(bench, to: output, faults)
    }
    let events = Events()
    _ = try await Self.job(bench, to: output).pour(workers: 1) { events.add($0) }
    #expect(events.resumedTensors > 0)
  }

  @Test("A partial file that was removed or cut is not gone on with", arguments: ["m.gguf", "folder"], [true, false])
  func partialFilesThatAreGone(_ output: String, _ isRemoved: Bool) async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    _ = try await Self.job(bench, to: "whole" + output).pour(workers: 1)
    await Self.fail(bench, to: output, Self.diskThatFills)
    let partial = output == "folder" ? ".folder.partial/model.safetensors" : ".m.gguf.partial"
    if isRemoved { try bench.folder.remove(partial) } else { try bench.folder.write([], to: partial) }
    let events = Events()
    _ = try await Self.job(bench, to: output).pour(workers: 1) { events.add($0) }
    #expect(events.resumedTensors == 0)
    #expect(try Self.contents(bench.path(output)) == Self.contents(bench.path("whole" + output)))
  }

  @Test("After the disk has failed only what is known to be on it counts", arguments: ["m.gguf", "folder"])
  func aDiskThatFails(_ output: String) async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    let error = await Self.fail(bench, to: output, SystemFaults(.ioError, .synchronize) { $0 == 0 })
    #expect(error?.description.contains("input/output error") == true)
    let events = Events()
    _ = try await Self.job(bench, to: output).pour(workers: 1) { events.add($0) }
    #expect(events.resumedTensors == 0)
  }

  @Test("What takes the target's name meanwhile costs no work", arguments: ["m.gguf", "folder"])
  func aTargetThatAppears(_ output: String) async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    let error = await #expect(throws: FileError.self) {
      _ = try await Self.job(bench, to: output).pour(workers: 1) { event in
        if case .finished = event { _ = try? bench.folder.write("mine".utf8, to: output) }
      }
    }
    #expect(error?.code == .exists && error?.description.contains("goes on where it stopped") == true)
    try bench.folder.remove(output)
    let events = Events()
    _ = try await Self.job(bench, to: output).pour(workers: 1) { events.add($0) }
    #expect(events.resumedTensors > 0)
  }

  @Test func withoutResumingItStartsOver() async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    await Self.fail(bench, to: "m.gguf", Self.diskThatFills)
    let events = Events()
    _ = try await Self.job(bench, to: "m.gguf").pour(workers: 1, isResuming: false) { events.add($0) }
    #expect(events.resumedTensors == 0)
  }

  @Test func aSourceThatChangesMeanwhileIsNoticed() async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    let path = bench.path("model/model.safetensors")
    let plan = try Self.job(bench, to: "m.gguf")
    let bytes = try Workbench.bytes(path)
    let events = Events()
    let error = await #expect(throws: FileError.self) {
      _ = try await plan.pour(workers: 1) { _ in
        if events.isFirst() { _ = try? bench.folder.write(bytes, to: "model/model.safetensors") }
      }
    }
    #expect(error?.description.contains("changed while it was read") == true)
    #expect(try !FileSystem.exists(bench.path("m.gguf")))
  }

  @Test("A source that is replaced between opening and pouring: what is opened still reads the old one")
  func aSourceThatChangesBeforeThePour() async throws {
    let bench = try Workbench()
    for (original, output) in [
      (try bench.write(TinyCheckpoint()), "m.gguf"),
      (try bench.write(TinyCheckpoint { $0.shardCount = 3 }, as: "s"), "s"),
      (try await bench.convert(bench.path("model"), to: "source.gguf"), "g"),
    ] {
      let file = try #require(try Checkpoint(path: original).weightFiles.last)
      let path = bench.path("out-" + output)
      let plan = try Plan(
        converting: try Checkpoint(path: original), to: Destination(path: path), recipe: Recipe(.keep))
      try FileManager.default.copyItem(atPath: file, toPath: file + ".new")
      try FileManager.default.removeItem(atPath: file)
      try FileManager.default.moveItem(atPath: file + ".new", toPath: file)
      let error = await #expect(throws: FileError.self) { try await plan.pour(workers: 1) }
      #expect(error?.path == file)
      #expect(error?.description.contains("changed while it was read") == true)
      #expect(try !FileSystem.exists(path))
    }
    #expect(try bench.folder.names().allSatisfy { !$0.hasSuffix(".partial") })
  }
}

/// What a pour tells.
private final class Events: Sendable {
  private struct State {
    var resumedTensors = 0
    var count = 0
  }

  private let state = Mutex(State())

  var resumedTensors: Int { state.withLock { $0.resumedTensors } }

  func add(_ event: PourEvent) {
    if case .resumed(let count) = event { state.withLock { $0.resumedTensors += count } }
  }

  /// Whether nobody has asked before.
  func isFirst() -> Bool {
    state.withLock { state in
      state.count += 1
      return state.count == 1
    }
  }
}

/// Several outputs of one job, killed at any moment.
@Suite struct SeveralOutputsFaultTests {
  private static let outputs = [("a.gguf", "q8_0"), ("b", "nf4"), ("c.gguf", "q4_0")]

  private static func plans(_ bench: Workbench, in folder: String, replacing: Bool) throws -> [Plan] {
    let checkpoint = try Checkpoint(path: bench.path("model"))
    return try outputs.map { name, type in
      try Plan(
        converting: checkpoint, to: Destination(path: bench.path("\(folder)/\(name)"), replacesExisting: replacing),
        recipe: Recipe(try .quantizing(type)))
    }
  }

  private static func contents(_ bench: Workbench, _ folder: String) throws -> [[String: [UInt8]]] {
    try outputs.map { name, _ in
      let path = bench.path("\(folder)/\(name)")
      return try FileSystem.isFolder(path) ? Workbench.files(of: path) : ["": try Workbench.bytes(path)]
    }
  }

  @Test("The same job takes what has its name for done, and makes the others", arguments: [false, true])
  func killed(_ replacing: Bool) async throws {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    for name in ["whole", "made"] { try bench.folder.makeFolder(name) }
    _ = try await Plan.pour(try Self.plans(bench, in: "whole", replacing: false))
    let whole = try Self.contents(bench, "whole")
    func clear() async throws {
      for name in try FileSystem.names(inFolder: bench.path("made")) { try bench.folder.remove("made/" + name) }
      guard replacing else { return }
      let checkpoint = try Checkpoint(path: bench.path("model"))
      for (name, type) in zip(Self.outputs.map(\.0), ["q4_0", "fp4", "q8_0"]) {
        let old = Destination(path: bench.path("made/" + name))
        try await Plan(converting: checkpoint, to: old, recipe: Recipe(try .quantizing(type))).pour()
      }
    }
    try await clear()
    let counter = SystemFaults.counting()
    try await SystemFaults.$current.withValue(counter) {
      _ = try await Plan.pour(try Self.plans(bench, in: "made", replacing: replacing), workers: 1)
    }
    // All of the last calls, where names are given, and some before.
    let calls = Array(stride(from: 0, to: counter.count - 60, by: 47)) + Array(counter.count - 60..<counter.count)
    var wereThere = 0
    for number in calls {
      try await clear()
      _ = await SystemFaults.$current.withValue(SystemFaults(killingAt: number)) {
        try? await Plan.pour(try Self.plans(bench, in: "made", replacing: replacing), workers: 1)
      }
      let left = try FileSystem.names(inFolder: bench.path("made"))
      // Of the very last call only the way to the disk is missing.
      if replacing || left.contains(where: { $0.hasPrefix(".") }) || left.count < Self.outputs.count {
        do {
          let reports = try await Plan.pour(try Self.plans(bench, in: "made", replacing: replacing))
          wereThere += reports.count(where: \.wasThere)
          let names = try FileSystem.names(inFolder: bench.path("made"))
          #expect(names == Self.outputs.map(\.0), "call \(number)")
        } catch let error as FileError {
          // When all have their names what they are known by is removed.
          #expect(!replacing && error.code == .exists && left.contains("c.gguf"), "call \(number): \(error)")
        }
      }
      #expect(try Self.contents(bench, "made") == whole, "call \(number)")
    }
    #expect(wereThere > 0)
  }
}
