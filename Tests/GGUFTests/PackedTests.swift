import Bytes
import Packed
import Tensors
import TestSupport
import Testing

@testable import GGUF

/// Packed files read as what they were packed from.
@Suite struct PackedTests {
  private func pack(_ path: String, to packed: String) async throws {
    let file = try GGUFFile(path: path)
    try await PackedWriter.pack(file.source, regions: file.tensors.map { PackedRegion($0) }, to: packed)
  }

  private func expectEqual(_ packed: GGUFSource, _ plain: GGUFSource) throws {
    #expect(packed.metadata.entries == plain.metadata.entries)
    #expect(packed.tensors == plain.tensors)
    for (one, other) in zip(packed.files, plain.files) {
      #expect(one.tensors == other.tensors)
      #expect(one.byteCount == other.byteCount)
      #expect(one.remarks == other.remarks)
    }
    for tensor in plain.tensors {
      let expected = try plain.bytes(of: tensor.name)
      #expect(try packed.bytes(of: tensor.name) == expected, "\(tensor.name)")
      guard tensor.byteCount > 4 else { continue }
      var part = [UInt8](repeating: 0, count: tensor.byteCount - 4)
      try part.withMutableBytes { raw throws(FileError) in try packed.read(tensor.name, at: 3, into: &raw) }
      #expect(part == Array(expected[3..<tensor.byteCount - 1]), "\(tensor.name)")
    }
  }

  @Test(arguments: Fixture.names(in: "valid").filter { $0.hasSuffix(".gguf") })
  func aPackedFileIsThePlainOne(_ name: String) async throws {
    let folder = try TemporaryFolder()
    let path = Fixture.path("valid/" + name)
    try await pack(path, to: folder.file("packed"))
    try expectEqual(try GGUFSource(path: folder.file("packed")), try GGUFSource(path: path))
  }

  @Test("Shards may be packed, all or some of them", arguments: [[1, 2, 3], [1], [2, 3]], [1, 2, 3])
  func aPackedSetIsThePlainOne(packed: [Int], opened: Int) async throws {
    let folder = try TemporaryFolder()
    func name(_ number: Int) -> String { "model-0000\(number)-of-00003.gguf" }
    for number in 1...3 {
      let path = Fixture.path("valid/split/" + name(number))
      if packed.contains(number) {
        try await pack(path, to: folder.file(name(number) + ".zst"))
      } else {
        try folder.write(Fixture.bytes("valid/split/" + name(number)), to: name(number))
      }
    }
    let path = folder.file(name(opened) + (packed.contains(opened) ? ".zst" : ""))
    try expectEqual(try GGUFSource(path: path), try GGUFSource(path: Fixture.path("valid/split/" + name(1))))
  }

  @Test func damageIsToldOfThePackedFile() async throws {
    let folder = try TemporaryFolder()
    try await pack(Fixture.path("valid/every-tensor-type.gguf"), to: folder.file("whole.zst"))
    let bytes = try folder.read("whole.zst")
    let path = try folder.write(bytes.dropLast(1), to: "cut.zst")
    let error = #expect(throws: FileError.self) { try GGUFSource(path: path) }
    #expect(error?.path == path)
  }
}
