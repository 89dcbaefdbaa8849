import Bytes
import Foundation
import GGUF
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// Edits that are stopped in the middle.
@Suite struct HeaderEditTests {
  /// What is edited, and how.
  enum Case: String, CaseIterable {
    case inPlace, rewritten, safetensorsInPlace, safetensorsRewritten

    var file: String { self == .inPlace || self == .rewritten ? "m.gguf" : "m.safetensors" }
    var method: HeaderEdit.Method { self == .inPlace || self == .safetensorsInPlace ? .inPlace : .rewritten }

    var edits: [MetadataEdit] {
      let long = String(repeating: "long", count: 100)
      return switch self {
      case .inPlace: [.set(key: "llama.context_length", element: nil, type: nil, value: "77")]
      case .rewritten: [.set(key: "general.name", element: nil, type: nil, value: long)]
      case .safetensorsInPlace: [.set(key: "format", element: nil, type: nil, value: "np")]
      case .safetensorsRewritten: [.set(key: "note", element: nil, type: nil, value: long)]
      }
    }
  }

  private static func bench(_ test: Case) async throws -> (bench: Workbench, old: [UInt8], new: [UInt8]) {
    let bench = try Workbench()
    try bench.write(TinyCheckpoint())
    try await bench.convert(bench.path("model"), to: test.file)
    try bench.folder.remove("model")
    let old = try Workbench.bytes(bench.path(test.file))
    let edit = try HeaderEdit(of: bench.path(test.file), test.edits)
    #expect(edit.method == test.method)
    try await edit.run(workers: 1)
    let new = try Workbench.bytes(bench.path(test.file))
    #expect(old != new)
    return (bench, old, new)
  }

  @discardableResult
  private static func edit(_ bench: Workbench, _ test: Case) async throws -> [FileError] {
    try await HeaderEdit(of: bench.path(test.file), test.edits).run(workers: 1)
  }

  private static func calls(_ bench: Workbench, _ test: Case) async throws -> Int {
    let counter = SystemFaults.counting()
    try await SystemFaults.$current.withValue(counter) { try await edit(bench, test) }
    return counter.count
  }

  @Test(
    "Killed at any call, it is the old file or the new one, and the next edit makes it the new one",
    arguments: Case.allCases)
  func killed(_ test: Case) async throws {
    let (bench, old, new) = try await Self.bench(test)
    let path = bench.path(test.file)
    try bench.folder.write(old, to: test.file)
    let count = try await Self.calls(bench, test)
    var (olds, news, unnamed) = (0, 0, 0)
    for number in 0..<count {
      try bench.folder.write(old, to: test.file)
      do {
        // At the last call there is nothing left to do but to remove what was kept.
        let left = try await SystemFaults.$current.withValue(SystemFaults(killingAt: number)) {
          try await Self.edit(bench, test)
        }
        #expect(!left.isEmpty, "call \(number)")
      } catch is FileError {}
      if FileManager.default.fileExists(atPath: path) {
        let bytes = try Workbench.bytes(path)
        #expect(bytes == old || bytes == new, "call \(number)")
        if bytes == old { olds += 1 } else { news += 1 }
      } else {
        // It waits under another name.
        unnamed += 1
        #expect(try bench.folder.names() == [".\(test.file).edit", ".\(test.file).editing"], "call \(number)")
      }
      try await Self.edit(bench, test)
      #expect(try Workbench.bytes(path) == new, "call \(number)")
      #expect(try bench.folder.names() == [test.file], "call \(number)")
    }
    #expect(olds > 0 && news > 0 && (unnamed > 0) == (test.method == .inPlace), "\(olds), \(news), \(unnamed)")
  }

  @Test(
    "One call that fails is told, and leaves the old file or the new one", arguments: Case.allCases,
    SystemFaults.Call.allCases)
  func failing(_ test: Case, _ call: SystemFaults.Call) async throws {
    let (bench, old, new) = try await Self.bench(test)
    let path = bench.path(test.file)
    try bench.folder.write(old, to: test.file)
    let counter = SystemFaults.counting()
    try await SystemFaults.$current.withValue(counter) { try await Self.edit(bench, test) }
    let calls = counter.count(of: call)
    for number in stride(from: 0, to: calls, by: max(1, calls / 12)) {
      try bench.folder.write(old, to: test.file)
      do {
        let left = try await SystemFaults.$current.withValue(SystemFaults(.ioError, call) { $0 == number }) {
          try await Self.edit(bench, test)
        }
        #expect(try Workbench.bytes(path) == new, "\(call) \(number)")
        // What was replaced and cannot be removed is told, and left to the person.
        if left.contains(where: { $0.path.hasSuffix(".partial") }) { try bench.folder.remove(".\(test.file).partial") }
      } catch let error as FileError {
        #expect(!error.description.isEmpty)
        if FileManager.default.fileExists(atPath: path) {
          let bytes = try Workbench.bytes(path)
          #expect(bytes == old || bytes == new, "\(call) \(number)")
        } else {
          // It could not be given its name again, and the error says where it is.
          #expect(call == .rename && error.description.contains(".editing"), "\(call) \(number): \(error)")
          #expect(try bench.folder.names() == [".\(test.file).edit", ".\(test.file).editing"])
        }
      }
      try await Self.edit(bench, test)
      #expect(try Workbench.bytes(path) == new, "\(call) \(number)")
      #expect(try bench.folder.names() == [test.file], "\(call) \(number)")
    }
  }

  @Test("Calls that are interrupted or do half of their work are continued", arguments: Case.allCases)
  func interruptedAndShort(_ test: Case) async throws {
    let (bench, old, new) = try await Self.bench(test)
    for (fault, call) in [
      (SystemFaults.Fault.interrupted, SystemFaults.Call.write), (.interrupted, .read), (.short, .read),
      (.short, .write),
    ] {
      try bench.folder.write(old, to: test.file)
      try await SystemFaults.$current.withValue(SystemFaults(fault, call) { $0.isMultiple(of: 2) }) {
        try await Self.edit(bench, test)
      }
      #expect(try Workbench.bytes(bench.path(test.file)) == new)
    }
  }

  @Test("What is beside a file and was left by no edit stays, and nothing is changed")
  func strangers() async throws {
    for name in [".m.gguf.edit", ".m.gguf.editing"] {
      let (bench, old, _) = try await Self.bench(.inPlace)
      try bench.folder.write(old, to: "m.gguf")
      try bench.folder.write("mine".utf8, to: name)
      let error = await #expect(throws: FileError.self) { try await Self.edit(bench, .inPlace) }
      #expect(error?.code == .exists && error?.path == bench.path(name), "\(String(describing: error))")
      #expect(try Workbench.bytes(bench.path("m.gguf")) == old)
      #expect(try bench.folder.read(name) == Array("mine".utf8))
      #expect(try bench.folder.names() == [name, "m.gguf"])
    }
  }

  @Test func aFileThatChangedSinceItWasReadIsLeft() async throws {
    for test in Case.allCases {
      let (bench, old, _) = try await Self.bench(test)
      try bench.folder.write(old, to: test.file)
      let edit = try HeaderEdit(of: bench.path(test.file), test.edits)
      var other = old
      other[other.count - 1] ^= 1
      try bench.folder.write(other, to: test.file)
      await #expect(throws: FileError.self) { try await edit.run(workers: 1) }
      #expect(try Workbench.bytes(bench.path(test.file)) == other)
      #expect(try bench.folder.names() == [test.file])
    }
  }

  @Test(
    "Every fixture: another name goes in, and every tensor stays",
    arguments: Fixtures(of: "GGUF").names(in: "valid", suffix: ".gguf"))
  func fixtures(_ name: String) async throws {
    let bench = try Workbench()
    try bench.folder.write(try Fixtures(of: "GGUF").bytes("valid/\(name)"), to: "m.gguf")
    let path = bench.path("m.gguf")
    let before = try Workbench.ggufTensors(at: path).mapValues { [$0.type, "\($0.shape)", "\($0.bytes)"] }
    for value in ["a", String(repeating: "b", count: 100), "", "cc"] {
      let edits = [MetadataEdit.set(key: "general.name", element: nil, type: nil, value: value)]
      let refused = ["every-metadata-type-big-endian.gguf", "every-tensor-type-big-endian.gguf", "nested-arrays.gguf"]
      guard !refused.contains(name) else {
        let error = #expect(throws: FileError.self) { try HeaderEdit(of: path, edits) }
        #expect(error?.code == .unsupported)
        continue
      }
      try await HeaderEdit(of: path, edits).run(workers: 1)
      let file = try GGUFFile(path: path)
      #expect(file.metadata["general.name"] == .string(value))
      let after = try Workbench.ggufTensors(at: path).mapValues { [$0.type, "\($0.shape)", "\($0.bytes)"] }
      #expect(after == before)
    }
  }

  @Test(
    arguments: [
      ("a=b", MetadataEdit.set(key: "a", element: nil, type: nil, value: "b")),
      ("a.b:u32=7", .set(key: "a.b", element: nil, type: "u32", value: "7")),
      ("a:b=c", .set(key: "a:b", element: nil, type: nil, value: "c")),
      ("a:[f32]=[1]", .set(key: "a", element: nil, type: "[f32]", value: "[1]")),
      ("a[<|x|>]=y=z", .set(key: "a", element: "<|x|>", type: nil, value: "y=z")),
      ("a[3]=", .set(key: "a", element: "3", type: nil, value: "")),
      ("a=", .set(key: "a", element: nil, type: nil, value: "")),
      ("=b", nil), ("a", nil), ("a[]=b", nil), ("a[3=b", nil), (":u32=1", nil),
    ] as [(String, MetadataEdit?)])
  func spellings(_ text: String, _ edit: MetadataEdit?) { #expect(MetadataEdit(setting: text) == edit) }
}
