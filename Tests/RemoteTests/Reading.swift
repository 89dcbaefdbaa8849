import Bytes
import TestSupport
import Testing

@testable import Remote

/// The stores with little patience, for a test of its own.
struct Stores {
  let access: RemoteAccess

  init(_ environment: [String: String] = [:], stallSeconds: Int = 30, attempts: Int = 4) {
    var patience = Patience()
    patience.firstWait = .milliseconds(20)
    patience.longestWait = .seconds(3)
    patience.attempts = attempts
    patience.stallSeconds = stallSeconds
    access = RemoteAccess(RemoteEnvironment(environment), agent: "test", patience)
  }

  func store(of path: String) throws -> any RemoteStore { try #require(access.stores.first { $0.owns(path) }) }

  func open(_ path: String) throws -> any RemoteFile { try store(of: path).open(path) }

  /// All bytes of a file, read in parts.
  func bytes(of path: String, part: Int = 300_000) throws -> [UInt8] { try Self.bytes(of: open(path), part: part) }

  static func bytes(of file: any RemoteFile, part: Int = 300_000) throws -> [UInt8] {
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: file.byteCount, by: part) {
      bytes += try Self.bytes(of: file, start..<min(start + part, file.byteCount))
    }
    return bytes
  }

  static func bytes(of file: any RemoteFile, _ range: Range<Int>) throws(FileError) -> [UInt8] {
    try [UInt8](count: range.count) { bytes throws(FileError) in try file.read(at: range.lowerBound, into: &bytes) }
  }

  /// What opening or reading a file fails with.
  func failure(_ path: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> FileError {
    do {
      _ = try bytes(of: path)
    } catch let error as FileError {
      return error
    }
    Issue.record("\(path) was read", sourceLocation: sourceLocation)
    throw FileError(.missing, path: path, "no failure")
  }
}

/// Bytes that differ everywhere.
func sampleBytes(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var generator = SeededGenerator(seed: seed)
  return (0..<count).map { _ in UInt8.random(in: 0 ... .max, using: &generator) }
}
