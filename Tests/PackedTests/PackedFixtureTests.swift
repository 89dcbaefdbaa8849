import Bytes
import Packed
import TestSupport
import Testing

private let fixtures = Fixtures(of: "Packed")

/// Committed files; `make.py` beside them, a second implementation of the format, made them.
struct PackedFixtureTests {
  @Test("A hostile file is refused for the rule it is named for", arguments: fixtures.names(in: "hostile"))
  func hostile(name: String) async throws {
    let rule = name.split(separator: "-").prefix(2).joined(separator: "-")
    let path = fixtures.path("hostile/" + name)
    let folder = try TemporaryFolder()
    let error = try await #require(throws: FileError.self) {
      try await PackedFile(path: path).unpack(to: folder.file("out"))
    }
    #expect(error.rule == rule, "\(error)")
    #expect(error.path == path)
    #expect(try folder.names() == [])
  }

  @Test("A valid file unpacks to its original", arguments: fixtures.names(in: "valid", suffix: ".zst"))
  func valid(name: String) async throws {
    let original = try fixtures.bytes("valid/" + name.dropLast(4))
    let file = try PackedFile(path: fixtures.path("valid/" + name))
    #expect(file.byteCount == original.count)
    let folder = try TemporaryFolder()
    try await file.unpack(to: folder.file("out"))
    #expect(try folder.read("out") == original)
    #expect(try file.bytes(at: 0, count: original.count) == original)
  }

  @Test("Plain decompression begins with a notice that is not a model", arguments: ["bytes", "every-layout", "empty"])
  func plainDecompression(name: String) throws {
    let plain = try PlainDecompression.bytes(of: fixtures.bytes("valid/\(name).zst"))
    #expect(plain.starts(with: Array(PackedOpening.notice.utf8)))
    // As a safetensors file it would have a header of 2 x 10^18 bytes.
    #expect(plain.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) } > 1 << 60)
  }

  @Test func version1HasNoNotice() throws {
    let plain = try PlainDecompression.bytes(of: fixtures.bytes("valid/version-1.zst"))
    #expect(plain.count == 100)
    #expect(
      try PackedIndex(readingFrom: InputFile(path: fixtures.path("valid/version-1.zst"))).opening == .withoutNotice)
  }

  @Test func whatIsNotPackedIsReadAsItIs() throws {
    let path = fixtures.path("valid/bytes")
    let plain = try PackedFile.openAny(path: path)
    #expect(plain is InputFile)
    let packed = try PackedFile.openAny(path: path + ".zst")
    #expect(packed is PackedFile)
    #expect(try plain.bytes(at: 0, count: 100) == packed.bytes(at: 0, count: 100))
  }
}
