import TestSupport
import Testing

@testable import Bytes

/// Text in the encodings that people have.
struct TextFileTests {
  @Test(
    arguments: [
      ([0x61, 0x62], [0x61, 0x62]), ([], []), ([0xEF, 0xBB, 0xBF, 0x61], [0x61]),
      ([0xFF, 0xFE, 0x61, 0, 0xE9, 0], [0x61, 0xC3, 0xA9]),
      ([0xFE, 0xFF, 0, 0x61], [0x61]), ([0xFF, 0xFE], []),
      // A pair of surrogates.
      ([0xFF, 0xFE, 0x3D, 0xD8, 0, 0xDE], [0xF0, 0x9F, 0x98, 0x80]),
      // Cut inside a character.
      ([0x61, 0xC3], [0x61]), ([0x61, 0xF0, 0x9F, 0x98], [0x61]),
      // Zeros are characters.
      ([0x61, 0, 0, 0, 0x62, 0x61, 0x62, 0x61, 0x62], [0x61, 0, 0, 0, 0x62, 0x61, 0x62, 0x61, 0x62]),
    ] as [([UInt8], [UInt8])])
  func decoding(_ bytes: [UInt8], _ text: [UInt8]) throws {
    #expect(try TextFile.decoded(bytes, path: "t") == text)
  }

  @Test(
    arguments: [
      ([0x61, 0xE9, 0x62], 1, "not UTF-8"), ([0xEF, 0xBB, 0xBF, 0xFF], 3, "not UTF-8"),
      ([0x1F, 0x8B, 8, 8], 1, "not UTF-8"),
      ([0xFF, 0xFE, 0x61, 0, 0x3D, 0xD8, 0x61, 0], 4, "half of"), ([0x61, 0, 0x62, 0, 0x63, 0], nil, "UTF-16LE"),
      ([0, 0x61, 0, 0x62, 0, 0x63], nil, "UTF-16BE"), ([0xFF, 0xFE, 0, 0, 0x61, 0, 0, 0], nil, "UTF-32"),
    ] as [([UInt8], Int?, String)])
  func whatIsNoText(_ bytes: [UInt8], _ offset: Int?, _ message: String) throws {
    let error = try #require(throws: FileError.self) { try TextFile.decoded(bytes, path: "t") }
    #expect(error.offset == offset && error.message.contains(message), "\(error)")
  }

  @Test func files() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("text".utf8, to: "t")
    #expect(try TextFile.utf8(of: path) == Array("text".utf8))
    #expect(try #require(throws: FileError.self) { try TextFile.utf8(of: path, limit: 3) }.code == .unsupported)
    #expect(try #require(throws: FileError.self) { try TextFile.utf8(of: folder.path) }.message.contains("folder"))
    #expect(try #require(throws: FileError.self) { try TextFile.utf8(of: folder.file("none")) }.code == .missing)
    // What has no end is read up to the limit.
    #expect(try #require(throws: FileError.self) { try TextFile.utf8(of: "/dev/zero", limit: 10) }.code == .unsupported)
  }

  @Test(
    arguments: [
      ("m.gguf", ".gguf", "m"), ("m.GGUF", ".gguf", "m"), ("m.GgUf", ".gguf", "m"), (".gguf", ".gguf", ""),
      ("gguf", ".gguf", nil),
      ("m.gguf.zst", ".gguf", nil), ("m\u{E}gguf", ".gguf", nil), ("ä.ZST", ".zst", "ä"),
    ] as [(String, String, String?)])
  func endingsInAnyCase(_ name: String, _ ending: String, _ rest: String?) {
    #expect(name.droppingFileEnding(ending) == rest)
    #expect(name.hasFileEnding(ending) == (rest != nil))
  }
}
