import Bytes
import Foundation
import JSON
import Quantization
import Synchronization
import TestSupport
import Testing

@testable import Conversion

/// An output that several machines make: the same bytes as of one.
@Suite struct PartsTests {
  /// A job, as each machine plans it.
  struct Job: Sendable, CustomTestStringConvertible {
    let output: String
    let type: String
    var maximumFileBytes: Int?
    var isDoubleQuantized = false
    var recordsProvenance = true

    var testDescription: String { "\(type) \(output) \(maximumFileBytes.map { "\($0)" } ?? "")" }

    func plan(
      _ bench: Workbench, in folder: String, parts: Int, model: String = "model", replacing: Bool = false
    ) throws -> Plan {
      try Plan(
        converting: try Checkpoint(path: bench.path(model)),
        to: Destination(
          path: bench.path(folder + "/" + output), maximumFileBytes: maximumFileBytes,
          fileCount: maximumFileBytes == nil ? parts : nil, replacesExisting: replacing,
          recordsProvenance: recordsProvenance),
        recipe: Recipe(try .quantizing(type, doubleQuantized: isDoubleQuantized)))
    }

    @discardableResult
    func pour(
      _ number: Int, of count: Int, _ bench: Workbench, in folder: String = "parts", model: String = "model",
      replacing: Bool = false, workers: Int = 2, onEvent: @escaping @Sendable (PourEvent) -> Void = { _ in }
    ) async throws -> PourReport {
      let part = try #require(Part(number, of: count))
      let plan = try plan(bench, in: folder, parts: count, model: model, replacing: replacing)
      return try await PlanPart.pour([PlanPart(part, of: plan)], workers: workers) { _, event in onEvent(event) }[0]
    }

    func assemble(_ bench: Workbench, in folder: String = "parts", replacing: Bool = false) throws -> [FileError] {
      try Assembly(of: bench.path(folder + "/" + output), replacing: replacing).run()
    }
  }

  static let gguf = Job(output: "m.gguf", type: "q8_0")
  static let folder = Job(output: "model", type: "nf4", isDoubleQuantized: true)
  static let jobs = [
    gguf, folder, Job(output: "m.gguf", type: "q4_0", recordsProvenance: false),
    Job(output: "m.gguf", type: "q8_0", maximumFileBytes: 40_000),
    // So short that the planes of a weight lie in several shards.
    Job(output: "model", type: "nf4", maximumFileBytes: 6_000),
    Job(output: "model", type: "int8", maximumFileBytes: 30_000),
  ]

  private static func bench(_ change: (inout TinyCheckpoint) -> Void = { _ in }) throws -> Workbench {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint(change))
    for name in ["whole", "parts"] { try bench.folder.makeFolder(name) }
    return bench
  }

  /// Every file below a folder.
  /// Removes what an assembly has left that was stopped at its very end.
  /// - Returns: whether there was such a thing.
  private static func removeSpent(_ output: String) throws -> Bool {
    let folder = PartsFolder(of: output)
    let isSpent =
      try !FileSystem.isTaken(folder.path) && FileSystem.isFolder(folder.spentPath)
      && !FileSystem.isLink(folder.spentPath)
    return folder.removeSpent().isEmpty && isSpent
  }

  private static func contents(_ bench: Workbench, _ folder: String) throws -> [String: [UInt8]] {
    let root = bench.path(folder)
    var files: [String: [UInt8]] = [:]
    for name in FileManager.default.enumerator(atPath: root)?.compactMap({ $0 as? String }) ?? [] {
      if try FileSystem.isFile(root + "/" + name) { files[name] = try Workbench.bytes(root + "/" + name) }
    }
    return files
  }

  @Test("Parts made in any order and put together are what one machine writes", arguments: jobs, [1, 2, 3, 5, 9])
  func bytes(_ job: Job, _ count: Int) async throws {
    let bench = try Self.bench()
    try await job.plan(bench, in: "whole", parts: count).pour()
    for number in (1...count).reversed() {
      try await job.pour(number, of: count, bench)
      #expect(
        try FileSystem.names(inFolder: bench.path("parts")) == [job.output + ".parts"],
        "nothing has the output's name so far")
    }
    #expect(try job.assemble(bench).isEmpty)
    let whole = try Self.contents(bench, "whole")
    #expect(!whole.isEmpty)
    #expect(try Self.contents(bench, "parts") == whole)
    // What is not a divided output has the name of one.
    let files = whole.keys.filter { $0.hasSuffix(".gguf") || $0.hasSuffix(".safetensors") }
    if job.maximumFileBytes == nil { #expect(files.count == count) }
    _ = try Checkpoint(
      path: bench.path("parts/" + (files.count == 1 || job.output == "model" ? job.output : files.sorted()[0])))
  }

  @Test("Files of about as much work each")
  func balance() throws {
    let bench = try Self.bench { $0.layers = 12 }
    let plan = try Self.gguf.plan(bench, in: "parts", parts: 4)
    let costs = (1...4).map { number in
      Part(number, of: 4).map { PlanPart($0, of: plan).plan.tensors.reduce(0) { $0 + $1.pouringCost } } ?? 0
    }
    let most = try #require(costs.max()), least = try #require(costs.min())
    #expect(most < 1.3 * least, "\(costs)")
  }

  @Test("Runs are in order, none empty, and as many as there can be", arguments: [1, 2, 3, 7, 20])
  func runs(_ count: Int) {
    var random = SeededGenerator(seed: 5)
    for things in [0, 1, 2, 5, 40] {
      let costs = (0..<things).map { _ in Double(random.next() % 100) }
      let runs = CostRuns(costs, count: count).runs
      #expect(runs.count == min(count, things))
      #expect(runs.flatMap(Array.init) == Array(0..<things))
      #expect(runs.allSatisfy { !$0.isEmpty })
    }
  }

  @Test("A part that is there is not made again, unless it is to be replaced", arguments: [gguf, folder])
  func idempotent(_ job: Job) async throws {
    let bench = try Self.bench()
    #expect(try await !job.pour(1, of: 2, bench).wasThere)
    let before = try Self.contents(bench, "parts")
    #expect(try await job.pour(1, of: 2, bench).wasThere)
    #expect(try await !job.pour(1, of: 2, bench, replacing: true).wasThere)
    #expect(try Self.contents(bench, "parts") == before)
    try await job.pour(2, of: 2, bench)
    #expect(try job.assemble(bench).isEmpty)
  }

  @Test("A part that was killed at any call is gone on with", arguments: [gguf, folder])
  func killedPart(_ job: Job) async throws {
    let bench = try Self.bench()
    try await job.plan(bench, in: "whole", parts: 2).pour()
    let counter = SystemFaults.counting()
    try await SystemFaults.$current.withValue(counter) { _ = try await job.pour(1, of: 2, bench, workers: 1) }
    try bench.folder.remove("parts/" + job.output + ".parts")
    for number in stride(from: 0, to: counter.count, by: max(1, counter.count / 40)) {
      _ = await SystemFaults.$current.withValue(SystemFaults(killingAt: number)) {
        try? await job.pour(1, of: 2, bench, workers: 1)
      }
      #expect(try FileSystem.exists(bench.path("parts/" + job.output)) == false)
      try await job.pour(1, of: 2, bench)
      try await job.pour(2, of: 2, bench)
      #expect(try job.assemble(bench).isEmpty)
      #expect(try Self.contents(bench, "parts") == Self.contents(bench, "whole"), "call \(number)")
      for name in try FileSystem.names(inFolder: bench.path("parts")) { try bench.folder.remove("parts/" + name) }
    }
  }

  @Test("An assembly that was killed at any call goes on", arguments: [gguf, folder], [false, true])
  func killedAssembly(_ job: Job, _ replacing: Bool) async throws {
    let bench = try Self.bench()
    try await job.plan(bench, in: "whole", parts: 2).pour()
    let whole = try Self.contents(bench, "whole")
    func makeParts() async throws {
      if replacing {
        // What is there is of the same names and other contents.
        try await Job(output: job.output, type: job.output == "model" ? "fp4" : "q4_0").plan(
          bench, in: "parts", parts: 2
        ).pour()
      }
      for number in 1...2 { try await job.pour(number, of: 2, bench, replacing: replacing) }
    }
    try await makeParts()
    let counter = SystemFaults.counting()
    _ = try SystemFaults.$current.withValue(counter) { try job.assemble(bench, replacing: replacing) }
    var completed = 0
    // All of the last calls, where names are given, and some before.
    let calls =
      Array(stride(from: 0, to: counter.count - 60, by: 3)) + Array(max(0, counter.count - 60)..<counter.count)
    for number in calls {
      for name in try FileSystem.names(inFolder: bench.path("parts")) { try bench.folder.remove("parts/" + name) }
      try await makeParts()
      _ = SystemFaults.$current.withValue(SystemFaults(killingAt: number)) {
        try? job.assemble(bench, replacing: replacing)
      }
      if try !Self.removeSpent(bench.path("parts/" + job.output)),
        try FileSystem.exists(bench.path("parts/" + job.output + ".parts"))
      {
        do { _ = try job.assemble(bench, replacing: replacing) } catch { Issue.record("call \(number): \(error)") }
        completed += 1
      }
      let made = try Self.contents(bench, "parts")
      let isSame = made == whole
      #expect(isSame, "call \(number): \(made.keys.sorted())")
    }
    #expect(completed > 10)
  }

  @Test(
    "Whatever call of an assembly fails, the next one completes it", arguments: [gguf, folder],
    SystemFaults.Call.allCases)
  func failingAssembly(_ job: Job, _ call: SystemFaults.Call) async throws {
    let bench = try Self.bench()
    try await job.plan(bench, in: "whole", parts: 2).pour()
    let whole = try Self.contents(bench, "whole")
    func makeParts() async throws {
      for number in 1...2 { try await job.pour(number, of: 2, bench) }
    }
    try await makeParts()
    let counter = SystemFaults.counting()
    _ = try SystemFaults.$current.withValue(counter) { try job.assemble(bench) }
    let calls = counter.count(of: call)
    for number in stride(from: 0, to: calls, by: max(1, calls / 10)) {
      for name in try FileSystem.names(inFolder: bench.path("parts")) { try bench.folder.remove("parts/" + name) }
      try await makeParts()
      var left: [FileError] = []
      do {
        left = try SystemFaults.$current.withValue(SystemFaults(.ioError, call) { $0 == number }) {
          try job.assemble(bench)
        }
      } catch let error as FileError {
        #expect(!error.description.isEmpty)
      }
      if try !Self.removeSpent(bench.path("parts/" + job.output)),
        try FileSystem.exists(bench.path("parts/" + job.output + ".parts"))
      {
        do { _ = try job.assemble(bench) } catch { Issue.record("\(call) \(number): \(error)") }
      }
      // What could not be removed was told.
      for error in left where FileSystem.lastComponent(error.path).hasPrefix(".") {
        try FileSystem.removeFile(error.path)
      }
      let isSame = try Self.contents(bench, "parts") == whole
      let names = try FileSystem.names(inFolder: bench.path("parts"))
      #expect(isSame, "\(call) \(number): \(names)")
    }
  }

  @Test("An assembly for whose journal the disk has no room leaves nothing behind", arguments: [gguf, folder])
  func noRoomForTheJournal(_ job: Job) async throws {
    let bench = try Self.bench()
    for number in 1...2 { try await job.pour(number, of: 2, bench) }
    let before = try Self.contents(bench, "parts")
    // Its header, then a line for each file, and what says that they are on disk.
    for number in 0..<4 {
      let full = SystemFaults(.diskFull, .write) { $0 == number }
      SystemFaults.$current.withValue(full) {
        #expect(throws: FileError.self) { _ = try job.assemble(bench) }
      }
      let isSame = try Self.contents(bench, "parts") == before
      let names = try FileSystem.names(inFolder: bench.path("parts"))
      #expect(isSame, "write \(number): \(names)")
    }
    _ = try job.assemble(bench)
  }

  @Test(
    "Two assemblies at once lose nothing, whenever the second one comes", arguments: [gguf, folder],
    [SystemFaults.Call.lock, .write, .rename, .remove])
  func twoAssemblies(_ job: Job, _ call: SystemFaults.Call) async throws {
    let bench = try Self.bench()
    try await job.plan(bench, in: "whole", parts: 2).pour()
    let whole = try Self.contents(bench, "whole")
    func makeParts() async throws {
      for name in try FileSystem.names(inFolder: bench.path("parts")) { try bench.folder.remove("parts/" + name) }
      for number in 1...2 { try await job.pour(number, of: 2, bench) }
    }
    try await makeParts()
    let counter = SystemFaults.counting()
    _ = try SystemFaults.$current.withValue(counter) { try job.assemble(bench) }
    let calls = counter.count(of: call)
    // The second comes to its end, or is killed in its middle.
    let ends = [nil] + (2...7).map { counter.count * $0 / 8 }
    let moments = stride(from: 0, to: calls, by: max(1, calls / 6)).flatMap { number in ends.map { (number, $0) } }
    for (number, end) in moments {
      try await makeParts()
      let second = SystemFaults(.ioError, call) { at in
        guard at == number else { return false }
        SystemFaults.$current.withValue(end.map { SystemFaults(killingAt: $0) }) { _ = try? job.assemble(bench) }
        return false
      }
      SystemFaults.$current.withValue(second) { _ = try? job.assemble(bench) }
      let output = bench.path("parts/" + job.output)
      _ = try Self.removeSpent(output)
      if try PartsFolder(of: output).holdsParts() {
        do { _ = try job.assemble(bench) } catch { Issue.record("\(call) \(number) \(end ?? -1): \(error)") }
      }
      let isSame = try Self.contents(bench, "parts") == whole
      let names = try FileSystem.names(inFolder: bench.path("parts"))
      #expect(isSame, "\(call) \(number) \(end ?? -1): \(names)")
    }
  }

  @Test("A single run does not take the files of an assembly that was stopped for its own", arguments: [gguf, folder])
  func singleRun(_ job: Job) async throws {
    let bench = try Self.bench()
    for number in 1...2 { try await job.pour(number, of: 2, bench) }
    // When the journal speaks of all files, and they have been moved.
    let first = job.output == "model" ? 9 : 7
    _ = SystemFaults.$current.withValue(SystemFaults(.ioError, .write) { $0 >= first }) { try? job.assemble(bench) }
    let before = try Self.contents(bench, "parts")
    let waiting = before.keys.filter { $0.hasPrefix(".") }
    #expect(waiting.count > 1, "\(before.keys.sorted())")
    let error = await #expect(throws: FileError.self) {
      try await job.plan(bench, in: "parts", parts: 2, replacing: true).pour()
    }
    #expect(error?.message.contains("put together from parts") == true, "\(String(describing: error))")
    let isUntouched = try Self.contents(bench, "parts") == before
    #expect(isUntouched)
    #expect(try job.assemble(bench).isEmpty)
  }

  // MARK: - What does not belong together

  @Test("What is missing, of another job or of another model is told")
  func others() async throws {
    let bench = try Self.bench()
    func refusal(_ words: String, _ body: () async throws -> Void) async throws {
      let error = await #expect(throws: FileError.self) { try await body() }
      let text = error.map { "\($0)" } ?? ""
      #expect(text.contains(words), "\(text)")
    }
    let job = Self.gguf
    try await refusal("no such folder") { _ = try job.assemble(bench) }
    try await job.pour(3, of: 5, bench)
    try await refusal("parts 1, 2, 4 and 5 of 5 are not complete") { _ = try job.assemble(bench) }
    let other = Job(output: "m.gguf", type: "q4_0")
    try await refusal("of another job") { try await other.pour(3, of: 5, bench) }
    try await refusal("of another job") { try await other.pour(2, of: 5, bench) }
    try await refusal("of another job") { try await job.pour(2, of: 4, bench) }
    for number in [1, 2, 4] { try await job.pour(number, of: 5, bench) }
    try await refusal("part 5 of 5 is not complete; run it") { _ = try job.assemble(bench) }
    try await job.pour(5, of: 5, bench)
    try await refusal("begun as \"m.gguf\"") {
      try FileManager.default.moveItem(
        atPath: bench.path("parts/m.gguf.parts"), toPath: bench.path("parts/o.gguf.parts"))
      defer {
        try? FileManager.default.moveItem(
          atPath: bench.path("parts/o.gguf.parts"), toPath: bench.path("parts/m.gguf.parts"))
      }
      _ = try Assembly(of: bench.path("parts/o.gguf")).run()
    }
    // Somebody else's file has the name of the second.
    try bench.folder.write("mine".utf8, to: "parts/m-00002-of-00005.gguf")
    try await refusal("is there already") { _ = try job.assemble(bench) }
    #expect(try FileSystem.names(inFolder: bench.path("parts")) == ["m-00002-of-00005.gguf", "m.gguf.parts"])
    try bench.folder.remove("parts/m-00002-of-00005.gguf")
    #expect(try job.assemble(bench).isEmpty)
  }

  @Test("Copies of the model that differ where two parts have read are noticed")
  func otherModel() async throws {
    let bench = try Self.bench()
    let job = Job(output: "model", type: "nf4", maximumFileBytes: 6_000)
    for number in 1...2 { try await job.pour(number, of: 2, bench) }
    let names = try ["part-00001-of-00002.json", "part-00002-of-00002.json"].map { name in
      let record = try JSONValue(parsing: Workbench.bytes(bench.path("parts/model.parts/" + name)))
      return Set(record["sources"]?.array?[0]["tensors"]?.array?.compactMap { $0["name"]?.string } ?? [])
    }
    // The planes of a weight lie in files of both.
    let shared = try #require(names[0].intersection(names[1]).first)
    try Self.edit(bench, "part-00002-of-00002.json") { members in
      let changed = (members["sources"]?.array?[0]["tensors"]?.array ?? []).map { tensor -> JSONValue in
        guard tensor["name"]?.string == shared else { return tensor }
        return .object((tensor.object ?? [:]).merging(["xxh3_128": .string(String(repeating: "0", count: 32))]) { $1 })
      }
      members["sources"] = .array([
        .object((members["sources"]?.array?[0].object ?? [:]).merging(["tensors": .array(changed)]) { $1 })
      ])
    }
    let error = #expect(throws: FileError.self) { _ = try job.assemble(bench) }
    #expect(error?.message.contains("have read other contents") == true, "\(String(describing: error))")
  }

  @Test("A file that was cut off, changed at its beginning or left out is noticed", arguments: [gguf, folder])
  func damagedFiles(_ job: Job) async throws {
    let bench = try Self.bench()
    for number in 1...2 { try await job.pour(number, of: 2, bench) }
    let parts = "parts/" + job.output + ".parts/"
    for name in try FileSystem.names(inFolder: bench.path(parts))
    where !name.hasPrefix("part-") {
      let whole = try Workbench.bytes(bench.path(parts + name))
      for damaged in [Array(whole.dropLast()), whole + [0], [UInt8(ascii: "x")] + whole.dropFirst(), nil] {
        if let damaged {
          try bench.folder.write(damaged, to: parts + name)
        } else {
          try bench.folder.remove(parts + name)
        }
        #expect(throws: FileError.self, "\(name)") { _ = try job.assemble(bench) }
      }
      try bench.folder.write(whole, to: parts + name)
    }
    #expect(try job.assemble(bench).isEmpty)
  }

  @Test(
    "A record that lies is refused, and nothing is written",
    arguments: [
      ("name", .string("../../stolen")), ("name", .string("/etc/passwd")), ("name", .string("")),
      ("name", .string("a/../b")),
      ("stored", .string("../x")), ("stored", .string("part-00001-of-00002.json")), ("number", 7), ("number", -1),
      ("bytes", 3), ("bytes", -1), ("head_bytes", .integer(.max)), ("digests_at", .integer(.max)), ("digests_at", 0),
      ("head_xxh3_128", "zz"),
    ] as [(String, JSONValue)])
  func lyingFiles(_ key: String, _ value: JSONValue) async throws {
    let bench = try Self.bench()
    for number in 1...2 { try await Self.folder.pour(number, of: 2, bench) }
    try Self.edit(bench, "part-00001-of-00002.json") { members in
      var files = members["files"]?.array ?? []
      files[0] = .object((files[0].object ?? [:]).merging([key: value]) { _, new in new })
      members["files"] = .array(files)
    }
    #expect(throws: FileError.self) { _ = try Self.folder.assemble(bench) }
    #expect(try FileSystem.names(inFolder: bench.path("parts")) == ["model.parts"])
  }

  @Test(
    "So is one of another form, plan or part",
    arguments: [
      ("decant_part", 2), ("decant_part", nil), ("plan", "other"), ("part", "2/2"), ("part", "0/2"), ("part", "x"),
      ("container", "nonsense"), ("container", "torch-pickle"), ("container", "gguf"), ("output", "model"),
      ("file_count", 1),
      ("file_count", .integer(.max)), ("files", []), ("sources", []),
      ("sources", [["tensor_count": 3, "tensors": []]]),
      ("files", nil),
    ] as [(String, JSONValue?)])
  func lyingRecords(_ key: String, _ value: JSONValue?) async throws {
    let bench = try Self.bench()
    for number in 1...2 { try await Self.folder.pour(number, of: 2, bench) }
    try Self.edit(bench, "part-00001-of-00002.json") { $0[key] = value }
    #expect(throws: FileError.self) { _ = try Self.folder.assemble(bench) }
    #expect(try FileSystem.names(inFolder: bench.path("parts")) == ["model.parts"])
  }

  @Test("A record in which one byte is another is refused")
  func damagedRecords() async throws {
    let bench = try Self.bench()
    for number in 1...2 { try await Self.folder.pour(number, of: 2, bench) }
    let path = "parts/model.parts/part-00001-of-00002.json"
    let whole = try Workbench.bytes(bench.path(path))
    for place in stride(from: 0, to: whole.count, by: 37) where whole[place] != UInt8(ascii: " ") {
      var damaged = whole
      damaged[place] ^= 0x01
      try bench.folder.write(damaged, to: path)
      #expect(throws: FileError.self, "byte \(place)") { _ = try Assembly(of: bench.path("parts/model")) }
    }
    try bench.folder.write(whole, to: path)
    #expect(try Self.folder.assemble(bench).isEmpty)
  }

  @Test("A record that names somebody's file beside the output is refused, also where files are replaced")
  func strangersName() async throws {
    let bench = try Self.bench()
    for number in 1...2 { try await Self.gguf.pour(number, of: 2, bench) }
    try bench.folder.write("precious".utf8, to: "parts/victim.txt")
    try Self.edit(bench, "part-00002-of-00002.json", of: "m.gguf") { members in
      var files = members["files"]?.array ?? []
      files[0] = .object((files[0].object ?? [:]).merging(["name": "victim.txt"]) { _, new in new })
      members["files"] = .array(files)
    }
    let error = #expect(throws: FileError.self) { _ = try Self.gguf.assemble(bench, replacing: true) }
    #expect(error?.subject == "victim.txt")
    #expect(try Workbench.bytes(bench.path("parts/victim.txt")) == Array("precious".utf8))
  }

  @Test("No size in a record is memory")
  func largeHead() async throws {
    let bench = try Self.bench()
    for number in 1...2 { try await Self.gguf.pour(number, of: 2, bench) }
    let path = bench.path("parts/m.gguf.parts/m-00002-of-00002.gguf")
    // Sparse, and longer than the machine has memory.
    let byteCount = 1 << 42
    try #require(truncate(path, off_t(byteCount)) == 0)
    try Self.edit(bench, "part-00002-of-00002.json", of: "m.gguf") { members in
      var files = members["files"]?.array ?? []
      files[0] = .object(
        (files[0].object ?? [:]).merging([
          "bytes": .integer(byteCount), "head_bytes": .integer(byteCount), "digests_at": .integer(byteCount - 1000),
        ]) { _, new in new })
      members["files"] = .array(files)
    }
    #expect(throws: FileError.self) { _ = try Self.gguf.assemble(bench) }
  }

  @Test("Links in place of the folder, also of the one that is removed, lead nowhere")
  func links() async throws {
    let bench = try Self.bench()
    let job = Self.gguf
    for number in 1...2 { try await job.pour(number, of: 2, bench) }
    let before = try Self.contents(bench, "parts")
    let manager = FileManager.default
    try manager.moveItem(atPath: bench.path("parts/m.gguf.parts"), toPath: bench.path("elsewhere"))
    for name in ["m.gguf.parts", ".m.gguf.parts.spent"] {
      try manager.createSymbolicLink(
        atPath: bench.path("parts/" + name), withDestinationPath: bench.path("elsewhere"))
      #expect(throws: FileError.self) { _ = try job.assemble(bench) }
      #expect(try !Self.removeSpent(bench.path("parts/m.gguf")))
      if name == "m.gguf.parts" {
        await #expect(throws: FileError.self) { try await job.pour(1, of: 2, bench) }
      }
      #expect(try Self.contents(bench, "elsewhere").count == before.count)
      try bench.folder.remove("parts/" + name)
    }
  }

  @Test("A part is not made again for a model with other weights of the same length unasked, nor taken for one of it")
  func changedInPlace() async throws {
    // Longer than what a fingerprint looks at.
    let bench = try Self.bench {
      $0.vocabulary = 20_000
      $0.shardCount = 2
    }
    let job = Self.gguf
    for number in 1...2 { try await job.pour(number, of: 2, bench) }
    let shard = try #require(
      try FileSystem.names(inFolder: bench.path("model")).first { $0.hasSuffix(".safetensors") })
    let path = "model/" + shard
    let whole = try Workbench.bytes(bench.path(path))
    try #require(whole.count > 2 << 20)
    // Touched: the digests tell that nothing has changed.
    try bench.folder.write(whole, to: path)
    #expect(try await job.pour(1, of: 2, bench).wasThere)
    var changed = whole
    changed[changed.count - 9] ^= 0x01
    try bench.folder.write(changed, to: path)
    var refused = 0
    for number in 1...2 {
      do {
        _ = try await job.pour(number, of: 2, bench)
      } catch let error as FileError {
        #expect(error.message.contains("nothing shows"), "\(error)")
        refused += 1
      }
    }
    #expect(refused > 0)
  }

  @Test(
    "While an assembly is stopped in its middle no part is made again, and none is mixed with others",
    arguments: [gguf, folder])
  func madeAgain(_ job: Job) async throws {
    let bench = try Self.bench()
    for number in 1...2 { try await job.pour(number, of: 2, bench) }
    let first = job.output == "model" ? 9 : 7
    _ = SystemFaults.$current.withValue(SystemFaults(.ioError, .write) { $0 >= first }) { try? job.assemble(bench) }
    let error = await #expect(throws: FileError.self) { try await job.pour(2, of: 2, bench, replacing: true) }
    #expect(error?.message.contains("put together from parts") == true, "\(String(describing: error))")
    // By hand, as from another machine.
    let name = job.output == "model" ? "config.json" : "m-00002-of-00002.gguf"
    let other = "parts/\(job.output).parts/\(name)"
    try bench.folder.write("other".utf8, to: other)
    #expect(throws: FileError.self) { _ = try job.assemble(bench) }
    try bench.folder.remove(other)
    #expect(try job.assemble(bench).isEmpty)
  }

  @Test("An output of another model is not taken for the one that is to be assembled", arguments: [gguf, folder])
  func otherOutput(_ job: Job) async throws {
    let bench = try Self.bench()
    try bench.write(TinyCheckpoint { $0.seed = 2 }, as: "other")
    try await job.plan(bench, in: "parts", parts: 2, model: "other").pour()
    try await job.plan(bench, in: "whole", parts: 2).pour()
    for number in 1...2 { try await job.pour(number, of: 2, bench, replacing: true) }
    let folder = "parts/\(job.output).parts"
    // As while the folder is copied, records first.
    for name in try FileSystem.names(inFolder: bench.path(folder)) where !name.hasPrefix("part-") {
      try bench.folder.remove(folder + "/" + name)
    }
    #expect(throws: FileError.self) { _ = try job.assemble(bench) }
    #expect(try FileSystem.names(inFolder: bench.path(folder)).count == 2)
  }

  private static func edit(
    _ bench: Workbench, _ name: String, of output: String = "model", _ change: (inout [String: JSONValue]) -> Void
  ) throws {
    let path = "parts/\(output).parts/\(name)"
    var members = try #require(try JSONValue(parsing: Workbench.bytes(bench.path(path))).object)
    change(&members)
    // As somebody would who knows the form.
    try bench.folder.write(try JSONValue.object(PartRecord.sealed(members)).serialized(), to: path)
  }
}
