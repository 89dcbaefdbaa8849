import Bytes
import Packed
import Safetensors
import Tensors
import TestSupport
import Testing

struct PackedRoundTripTests {
  static let encodings: [Encoding] = [.u8, .i16, .bf16, .f16, .i32, .f32, .i64, .f64, .c64]

  /// A file of about `count` bytes with a region of each kind, gaps between them, and broken elements at their ends.
  static func sample(_ count: Int, _ generator: inout SeededGenerator) -> (bytes: [UInt8], regions: [PackedRegion]) {
    // Some places look like weights: one byte in four has few values.
    let piece = (0..<50_001).map { place in
      place % 4 == 1 ? UInt8.random(in: 60...64, using: &generator) : UInt8.random(in: .min ... .max, using: &generator)
    }
    var bytes: [UInt8] = []
    while bytes.count < count { bytes += piece.prefix(count - bytes.count) }
    var regions: [PackedRegion] = []
    let part = count / encodings.count
    for (number, encoding) in encodings.enumerated() where part > 40 {
      regions.append(
        PackedRegion(offset: number * part + number, byteCount: part - 30 + number, layout: PackedLayout(for: encoding))
      )
    }
    return (bytes, regions.reversed())
  }

  @Test("What is packed is unpacked, whole and in parts", arguments: [0, 1, 7, 1000, 2_000_003], [1, 2])
  func roundTrip(count: Int, level: Int) async throws {
    var generator = SeededGenerator()
    let (bytes, regions) = Self.sample(count, &generator)
    let folder = try TemporaryFolder()
    let source = try InputFile(path: folder.write(bytes, to: "original"))
    let packedByteCount = try await PackedWriter.pack(source, regions: regions, to: folder.file("p.zst"), level: level)
    let file = try PackedFile(path: folder.file("p.zst"))
    #expect(file.byteCount == count)
    #expect(file.packedByteCount == packedByteCount)
    #expect(try FileSystem.byteCount(folder.file("p.zst")) == packedByteCount)
    try await file.unpack(to: folder.file("back"), threads: 3)
    #expect(try folder.read("back") == bytes, "seed \(generator.seed)")
    for _ in 0..<10 {
      let start = Int.random(in: 0...count, using: &generator)
      let length = Int.random(in: 0...min(count - start, 1_500_000), using: &generator)
      #expect(
        try file.bytes(at: start, count: length) == Array(bytes[start..<start + length]), "seed \(generator.seed)")
    }
    #expect(throws: FileError.self) { _ = try file.bytes(at: count, count: 1) }
    #expect(try folder.names() == ["back", "original", "p.zst"])
  }

  @Test func theNumberOfThreadsDoesNotMatter() async throws {
    var generator = SeededGenerator(seed: 7)
    let (bytes, regions) = Self.sample(1_500_000, &generator)
    let folder = try TemporaryFolder()
    let source = try InputFile(path: folder.write(bytes, to: "original"))
    for threads in [1, 5] {
      try await PackedWriter.pack(source, regions: regions, to: folder.file("\(threads).zst"), threads: threads)
    }
    #expect(try folder.read("1.zst") == folder.read("5.zst"))
  }

  @Test func manyTasksReadOneFile() async throws {
    var generator = SeededGenerator()
    let (bytes, regions) = Self.sample(3_000_000, &generator)
    let folder = try TemporaryFolder()
    let source = try InputFile(path: folder.write(bytes, to: "original"))
    try await PackedWriter.pack(source, regions: regions, to: folder.file("p.zst"))
    let file = try PackedFile(path: folder.file("p.zst"))
    let seed = generator.seed
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<6 {
        group.addTask {
          var generator = SeededGenerator(seed: seed &+ UInt64(task))
          for _ in 0..<20 {
            let start = Int.random(in: 0..<bytes.count - 2000, using: &generator)
            let read = try file.bytes(at: start, count: 2000)
            #expect(read == Array(bytes[start..<start + 2000]), "seed \(seed)")
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test(
    "Regions must be inside the file and apart",
    arguments: [
      [(0, 11)], [(-1, 2)], [(0, -1)], [(11, 0)], [(0, 5), (4, 2)], [(Int.max, 1)], [(1, Int.max)],
    ])
  func badRegions(regions: [(Int, Int)]) async throws {
    let folder = try TemporaryFolder()
    let source = try InputFile(path: folder.write([UInt8](repeating: 0, count: 10), to: "original"))
    let error = try await #require(throws: FileError.self) {
      try await PackedWriter.pack(
        source, regions: regions.map { PackedRegion(offset: $0.0, byteCount: $0.1, layout: .bytes) },
        to: folder.file("p.zst"))
    }
    #expect(error.code == .mismatch)
    #expect(try folder.names() == ["original"])
  }

  @Test func whatIsThereIsNotReplacedUnlessWanted() async throws {
    let folder = try TemporaryFolder()
    let source = try InputFile(path: folder.write([1, 2, 3], to: "original"))
    try folder.write([9], to: "p.zst")
    await #expect(throws: FileError.self) {
      try await PackedWriter.pack(source, regions: [], to: folder.file("p.zst"))
    }
    #expect(try folder.read("p.zst") == [9])
    try await PackedWriter.pack(source, regions: [], to: folder.file("p.zst"), replacing: true)
    let file = try PackedFile(path: folder.file("p.zst"))
    await #expect(throws: FileError.self) { try await file.unpack(to: folder.file("original")) }
    try await file.unpack(to: folder.file("original"), replacing: true)
    #expect(try folder.read("original") == [1, 2, 3])
  }

  @Test("A packed file with any byte changed is refused or means the same")
  func everyByte() async throws {
    var generator = SeededGenerator(seed: 3)
    let (bytes, regions) = Self.sample(700, &generator)
    let folder = try TemporaryFolder()
    let source = try InputFile(path: folder.write(bytes, to: "original"))
    try await PackedWriter.pack(source, regions: regions, to: folder.file("p.zst"))
    let packed = try folder.read("p.zst")
    for place in packed.indices {
      var changed = packed
      changed[place] ^= UInt8.random(in: 1 ... .max, using: &generator)
      let path = try folder.write(changed, to: "changed.zst")
      do {
        let file = try PackedFile(path: path)
        #expect(try file.bytes(at: 0, count: file.byteCount) == bytes, "byte \(place)")
      } catch {
        #expect(error.rule?.hasPrefix("PACKED-") == true, "byte \(place): \(error)")
      }
    }
    for count in 0..<packed.count {
      let path = try folder.write(packed.prefix(count), to: "cut.zst")
      #expect(throws: FileError.self) { _ = try PackedFile(path: path) }
    }
  }

  @Test("Random changes are refused or read, and nothing traps")
  func mutation() async throws {
    var generator = SeededGenerator()
    let (bytes, regions) = Self.sample(3000, &generator)
    let folder = try TemporaryFolder()
    let source = try InputFile(path: folder.write(bytes, to: "original"))
    try await PackedWriter.pack(source, regions: regions, to: folder.file("p.zst"))
    let packed = try folder.read("p.zst")
    for _ in 0..<2000 {
      var changed = packed
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        // The index and the end matter most.
        let place = Int.random(
          in: Bool.random(using: &generator) ? 0..<changed.count : changed.count - 60..<changed.count, using: &generator
        )
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: changed[place] = .random(in: .min ... .max, using: &generator)
        case 1: changed.remove(at: place)
        default: changed.insert(contentsOf: generator.bytes(3), at: place)
        }
      }
      let path = try folder.write(changed, to: "changed.zst")
      do {
        let file = try PackedFile(path: path)
        _ = try file.bytes(at: 0, count: min(file.byteCount, 1 << 20))
      } catch {
        #expect(error.path == path, "seed \(generator.seed): \(error)")
      }
    }
  }
}

@Suite(.enabled(if: SharedData.isThere, "\(SharedData.absence)"))
struct PackedModelTests {
  @Test(
    "A trained model becomes smaller, and comes back",
    arguments: [
      ("models/stories3M/hf-bf16", 0.67), ("models/stories3M/hf-f32", 0.84), ("models/stories260K/hf-bfloat16", 0.72),
    ])
  func model(path: String, ratio: Double) async throws {
    let original = try SafetensorsFile(path: SharedData.path(path + "/model.safetensors"))
    let folder = try TemporaryFolder()
    let count = try await PackedWriter.pack(
      original.source, regions: original.packedRegions, to: folder.file("model.safetensors.zst"))
    #expect(Double(count) < ratio * Double(original.source.byteCount), "\(count) of \(original.source.byteCount)")
    print(path, Double(count) / Double(original.source.byteCount))
    let packed = try SafetensorsFolder(path: folder.path)
    #expect(packed.tensors == original.tensors)
    #expect(packed.metadata == original.metadata)
    for tensor in original.tensors { #expect(try packed.bytes(of: tensor.name) == original.bytes(of: tensor.name)) }
    try await PackedFile(path: folder.file("model.safetensors.zst")).unpack(to: folder.file("model.safetensors"))
    #expect(
      try folder.read("model.safetensors") == original.source.bytes(at: 0, count: original.source.byteCount))
  }

  @Test("Packing and unpacking go on where they were stopped", arguments: [0, 1, 4, 9])
  func goingOn(after calls: Int) async throws {
    var generator = SeededGenerator(seed: 7)
    let (bytes, regions) = PackedRoundTripTests.sample(6_000_000, &generator)
    let folder = try TemporaryFolder()
    let source = try InputFile(path: folder.write(bytes, to: "original"))
    try await PackedWriter.pack(source, regions: regions, to: folder.file("whole.zst"))

    func pack(_ name: String, _ fingerprint: String = "job") async throws -> Int {
      var resumed = 0
      try await PackedWriter.pack(
        source, regions: regions, to: folder.file(name), threads: 1, fingerprint: fingerprint
      ) { if case .resumed(let count) = $0 { resumed = count } }
      return resumed
    }
    // The disk fails at some write: what is there is kept.
    await #expect(throws: FileError.self) {
      try await SystemFaults.$current.withValue(SystemFaults(.ioError, .write) { $0 > 6 + 3 * calls }) {
        _ = try await pack("p.zst")
      }
    }
    #expect(try await pack("p.zst") > 0)
    #expect(try folder.read("p.zst") == folder.read("whole.zst"))

    let file = try PackedFile(path: folder.file("whole.zst"))
    func unpack(_ fingerprint: String) async throws -> Int {
      var resumed = 0
      try await file.unpack(to: folder.file("back"), threads: 1, fingerprint: fingerprint) {
        if case .resumed(let count) = $0 { resumed = count }
      }
      return resumed
    }
    await #expect(throws: FileError.self) {
      try await SystemFaults.$current.withValue(SystemFaults(.ioError, .write) { $0 > 6 + calls }) {
        _ = try await unpack("job")
      }
    }
    #expect(try await unpack("job") > 0)
    #expect(try folder.read("back") == bytes)
    #expect(try folder.names() == ["back", "original", "p.zst", "whole.zst"])
  }
}
