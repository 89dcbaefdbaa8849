import Bytes
import Synchronization
import Tensors
import Testing

@testable import Conversion

/// What is read in lines is read from the file once, in long runs, and is the same as line by line.
@Suite struct HeldTensorsTests {
  /// Tensors of any bytes, which counts what is read.
  private final class Counted: TensorSource {
    let name = "counted"
    let tensors: [TensorDescriptor]
    let bytes: [String: [UInt8]]
    let reads = Mutex<[(name: String, count: Int)]>([])
    /// Reads that fail before one succeeds.
    let failures: Mutex<Int>

    init(_ sizes: [String: Int], failures: Int = 0) throws {
      tensors = try sizes.keys.sorted().map {
        try TensorDescriptor(name: $0, encoding: .u8, shape: [sizes[$0] ?? 0])
      }
      bytes = sizes.mapValues { size in (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) } }
      self.failures = Mutex(failures)
    }

    func descriptor(of name: String) -> TensorDescriptor? { tensors.first { $0.name == name } }

    func read(_ name: String, at offset: Int, into target: inout MutableRawSpan) throws(FileError) {
      let fails = failures.withLock { left in
        left -= 1
        return left >= 0
      }
      guard !fails, let own = bytes[name], offset >= 0, offset + target.byteCount <= own.count else {
        throw FileError(.system, path: self.name, subject: name, "cannot be read")
      }
      reads.withLock { $0.append((name, target.byteCount)) }
      own.withBytes { target.copy($0.extracting(offset..<offset + target.byteCount), at: 0) }
    }
  }

  private static func lines(
    _ source: any TensorSource, _ name: String, at offset: Int, stride: Int, length: Int, count: Int
  ) throws(FileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count * length)
    try bytes.withMutableBytes { bytes throws(FileError) in
      try source.readLines(name, at: offset, stride: stride, length: length, into: &bytes)
    }
    return bytes
  }

  /// Parts of 16 bytes: lines lie in one, reach over two, and are longer than one.
  @Test(arguments: [
    (0, 10, 3, 19), (1, 10, 10, 19), (5, 16, 16, 10), (0, 40, 37, 5), (3, 7, 1, 28), (0, 0, 5, 4), (199, 3, 1, 1),
    (0, 200, 200, 1), (12, 4, 4, 40),
  ]) func linesAreThoseOfTheFile(offset: Int, stride: Int, length: Int, count: Int) throws {
    let source = try Counted(["a": 200])
    let held = HeldTensors(source, .init(tensor: 1000, all: 1000, part: 16))
    let expected = (0..<count).flatMap { line in
      (0..<length).map { source.bytes["a"]?[offset + line * stride + $0] ?? 0 }
    }
    #expect(try Self.lines(source, "a", at: offset, stride: stride, length: length, count: count) == expected)
    #expect(try Self.lines(held, "a", at: offset, stride: stride, length: length, count: count) == expected)
  }

  @Test func aTensorIsReadOnce() throws {
    let source = try Counted(["a": 200])
    let held = HeldTensors(source, .init(tensor: 200, all: 200, part: 64))
    for column in 0..<20 { _ = try Self.lines(held, "a", at: column, stride: 20, length: 1, count: 10) }
    #expect(source.reads.withLock { $0.map(\.count) } == [64, 64, 64, 8])
    #expect(held.tensors.map(\.name) == ["a"] && held.name == "counted")
  }

  /// The one that was not used for the longest time makes room, and comes back when it is asked for.
  @Test func memoryIsBounded() throws {
    let source = try Counted(["a": 100, "b": 100, "c": 100, "large": 201])
    let held = HeldTensors(source, .init(tensor: 200, all: 200, part: 100))
    for name in ["a", "b", "a", "c", "a", "b"] {
      _ = try Self.lines(held, name, at: 0, stride: 10, length: 1, count: 10)
    }
    #expect(source.reads.withLock { $0.map(\.name) } == ["a", "b", "c", "b"])
    _ = try Self.lines(held, "large", at: 0, stride: 100, length: 1, count: 3)
    #expect(source.reads.withLock { $0.dropFirst(4).map(\.count) } == [1, 1, 1])
    // One run is no lines.
    _ = try Self.lines(held, "c", at: 5, stride: 0, length: 7, count: 1)
    #expect(source.reads.withLock { $0.last?.count } == 7)
  }

  @Test(arguments: [(0, 10, 5, 21), (196, 2, 5, 2), (-1, 10, 1, 2), (0, 10, 1, 22)])
  func linesThatThereAreNot(offset: Int, stride: Int, length: Int, count: Int) throws {
    let held = HeldTensors(try Counted(["a": 200]), .init(tensor: 1000, all: 1000, part: 16))
    #expect(throws: FileError.self) {
      try Self.lines(held, "a", at: offset, stride: stride, length: length, count: count)
    }
    #expect(throws: FileError.self) { try Self.lines(held, "b", at: 0, stride: 2, length: 1, count: 2) }
  }

  /// What could not be read is tried again, and does not pass for bytes.
  @Test func aFailureIsNotKept() throws {
    let source = try Counted(["a": 100], failures: 1)
    let held = HeldTensors(source, .init(tensor: 100, all: 100, part: 40))
    #expect(throws: FileError.self) { try Self.lines(held, "a", at: 0, stride: 50, length: 1, count: 2) }
    let expected = [source.bytes["a"]?[0], source.bytes["a"]?[50]]
    #expect(try Self.lines(held, "a", at: 0, stride: 50, length: 1, count: 2) == expected)
  }

  @Test func manyReadAtOnce() async throws {
    let source = try Counted(["a": 10_000])
    let held = HeldTensors(source, .init(tensor: 10_000, all: 10_000, part: 100))
    try await withThrowingTaskGroup(of: Bool.self) { group in
      for column in 0..<50 {
        group.addTask {
          let lines = try Self.lines(held, "a", at: column, stride: 50, length: 1, count: 200)
          return lines == (0..<200).map { source.bytes["a"]?[column + 50 * $0] ?? 0 }
        }
      }
      for try await isRight in group { #expect(isRight) }
    }
  }
}
