import Bytes
import Safetensors
import Tensors
import TestSupport
import Testing

private let fixtures = Fixtures(of: "Safetensors")

/// Committed files; `make.py` beside them says what each is.
struct FixtureTests {
  @Test("A hostile file is refused for the rule it is named for", arguments: fixtures.names(in: "hostile"))
  func hostile(name: String) throws {
    // ST-14-overlap.safetensors: the first two words are the rule.
    let rule = name.split(separator: "-").prefix(2).joined(separator: "-")
    let path = fixtures.path("hostile/" + name)
    let error = try #require(throws: FileError.self) { _ = try SafetensorsFolder(path: path) }
    #expect(error.rule == rule, "\(error)")
    #expect(error.code == Self.codes[name] ?? Self.codes[rule] ?? .malformed, "\(error)")
    #expect(error.path.hasPrefix(path), "\(error)")
  }

  /// Codes of rules and of single files; all others are malformed.
  static let codes: [String: FileError.Code] = [
    "ST-1": .truncated, "ST-3": .truncated, "ST-9": .unsupported, "ST-15": .truncated, "ST-22": .missing,
    "ST-23": .mismatch, "ST-24": .mismatch, "ST-25": .mismatch, "ST-26": .missing,
    "ST-7-unknown-field.safetensors": .unsupported, "ST-7-unknown-field-deep.safetensors": .unsupported,
    "ST-9-type-number.safetensors": .malformed, "ST-9-type-null.safetensors": .malformed,
    "ST-23-tensor-in-no-shard": .missing, "ST-25-nothing-here": .missing,
  ]

  @Test("A valid file opens, and all its bytes can be read", arguments: fixtures.names(in: "valid"))
  func valid(name: String) throws {
    let folder = try SafetensorsFolder(path: fixtures.path("valid/" + name))
    for tensor in folder.tensors {
      #expect(try folder.bytes(of: tensor.name).count == tensor.byteCount)
      #expect(folder.descriptor(of: tensor.name) == tensor)
    }
    #expect(folder.descriptor(of: "no such tensor") == nil)
    #expect(throws: FileError.self) { try folder.bytes(of: "no such tensor") }
  }

  @Test func valuesOfOne() throws {
    let file = try SafetensorsFile(path: fixtures.path("valid/one.safetensors"))
    #expect(file.tensors == [try TensorDescriptor(name: "a", encoding: .f32, shape: [2])])
    #expect(file.metadata.isEmpty)
    #expect(file.placedTensors.map(\.offset) == [file.dataOffset])
    #expect(try file.bytes(of: "a") == [0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0])
    var half = [UInt8](repeating: 0, count: 4)
    try half.withMutableBytes { raw throws(FileError) in try file.read("a", at: 4, into: &raw) }
    #expect(half == [0, 0, 0, 0xC0])
    for offset in [-1, 5, 8, Int.max] {
      #expect(throws: FileError.self) {
        try half.withMutableBytes { raw throws(FileError) in try file.read("a", at: offset, into: &raw) }
      }
    }
  }

  @Test func metadata() throws {
    let file = try SafetensorsFile(path: fixtures.path("valid/metadata.safetensors"))
    #expect(file.metadata == ["format": "pt", "note": "häh \"quoted\"\n"])
    #expect(try SafetensorsFile(path: fixtures.path("valid/metadata-null.safetensors")).metadata.isEmpty)
  }

  @Test func tensorsComeInTheOrderOfTheirBytes() throws {
    let file = try SafetensorsFile(path: fixtures.path("valid/order-by-offset.safetensors"))
    #expect(file.tensors.map(\.name) == ["z", "a"])
    #expect(try file.bytes(of: "z") == [0, 0, 0xA0, 0x40])
  }

  @Test func oddNames() throws {
    let file = try SafetensorsFile(path: fixtures.path("valid/names.safetensors"))
    #expect(file.tensors.map(\.name) == ["", "../../etc/passwd", "gewicht·中文 🐍", "ä🐍\t\"\\/"])
    #expect(try file.bytes(of: "ä🐍\t\"\\/") == [4])
  }

  @Test func everyElementType() throws {
    let file = try SafetensorsFile(path: fixtures.path("valid/every-type.safetensors"))
    #expect(file.tensors.map(\.encoding) == SafetensorsElementType.all.map(\.encoding))
    for (number, tensor) in file.tensors.enumerated() {
      #expect(tensor.byteCount == 2 * tensor.encoding.bytesPerBlock)
      #expect(try file.bytes(of: tensor.name) == (0..<tensor.byteCount).map { UInt8(number + $0) })
    }
  }

  @Test func oneTensorTwiceTheSameNameInAnError() throws {
    let path = fixtures.path("hostile/ST-12-more-bytes.safetensors")
    let error = try #require(throws: FileError.self) { _ = try SafetensorsFile(path: path) }
    #expect(error.subject == "a")
    #expect(error.offset == 13)
    #expect(
      error.description
        == "\(path): \"a\" (byte 13): has 12 bytes of data, but f32 of shape [2] takes 8")
  }
}
