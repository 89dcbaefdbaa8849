import Bytes
import Safetensors
import Tensors
import TestSupport
import Testing

@testable import TorchPickle

private let fixtures = Fixtures(of: "TorchPickle")

/// Committed files; `make_fixtures.py` beside them says what each is.
struct FixtureTests {
  @Test("A hostile file is refused for the rule it is named for", arguments: fixtures.names(in: "hostile"))
  func hostile(name: String) throws {
    // PT-25-os-system.pt: the first two words are the rule.
    let rule = name.split(separator: "-").prefix(2).joined(separator: "-")
    let path = fixtures.path("hostile/" + name)
    let error = try #require(throws: FileError.self) { _ = try TorchPickleFolder(path: path) }
    #expect(error.rule == rule, "\(error)")
    #expect(error.path.hasPrefix(path), "\(error)")
    #expect(![.system, .exists, .interrupted].contains(error.code), "\(error)")
  }

  @Test("Every rule has a file that breaks it")
  func everyRuleIsBroken() {
    let broken = Set(fixtures.names(in: "hostile").map { $0.split(separator: "-").prefix(2).joined(separator: "-") })
    #expect(broken == Set(TorchPickleRule.allCases.map(\.citation)))
  }

  @Test("Tensors are what torch makes of the file", arguments: fixtures.names(in: "valid"))
  func valid(name: String) throws {
    let found = try TorchPickleFolder(path: fixtures.path("valid/" + name))
    let expected = try SafetensorsFile(path: fixtures.path("expected/\(name).safetensors"))
    #expect(Set(found.tensors) == Set(expected.tensors))
    for tensor in expected.tensors {
      let bytes = try expected.bytes(of: tensor.name)
      #expect(try found.bytes(of: tensor.name) == bytes, "\(tensor.name)")
      // From any place, in any length.
      for (start, count) in [(1, 1), (3, 5), (tensor.byteCount / 2, tensor.byteCount / 3)]
      where start + count <= tensor.byteCount {
        var part = [UInt8](repeating: 0, count: count)
        try part.withMutableBytes { raw throws(FileError) in try found.read(tensor.name, at: start, into: &raw) }
        #expect(part == Array(bytes[start..<start + count]), "\(tensor.name) at \(start)")
      }
    }
    #expect(found.descriptor(of: "no such tensor") == nil)
    #expect(throws: FileError.self) { try found.bytes(of: "no such tensor") }
  }

  @Test(arguments: [
    ("trainer.pt", ["under \"state_dict\"", "\"epoch\" (3)", "\"optimizer\" (a dictionary of 2)", " and 4 more"]),
    ("under-model_state_dict.pth", ["under \"model_state_dict\"", "\"loss\" (a tensor)"]),
    ("under-model.pth", ["the tensors are those under \"model\""]),
    ("module.bin", ["under \"module\"", "\"step\" (7)"]),
    (
      "others-among-tensors.pt",
      ["values that are no tensors are left out: \"_extra_state\" (a dictionary of 1), \"steps\" (12)", "100 bytes"]
    ),
    ("small-legacy-bytes-behind.pt", ["4 bytes follow the last storage"]), ("small.pt", []), ("state-dict.bin", []),
  ])
  func whatIsLeftOutIsTold(_ name: String, _ parts: [String]) throws {
    let remarks = try TorchPickleFile(path: fixtures.path("valid/" + name)).remarks
    #expect(remarks.isEmpty == parts.isEmpty)
    for part in parts { #expect(remarks.joined(separator: "\n").contains(part), "\(remarks)") }
  }

  @Test(
    "What is asked for is named",
    arguments: [
      ("PT-25-os-system.pt", "\"os.system\" (byte 42): is not among what files of weights need"),
      ("PT-25-torch.nn.modules.linear-Linear.pt", "the file is a whole model with its code"),
      ("PT-25-torch.storage-_load_from_bytes.pt", "is a file within the file"),
      ("PT-20-NEWOBJ.pt", "the operation NEWOBJ"), ("PT-9-torchscript.pt", "is a TorchScript archive"),
      ("PT-1-tar.pt", "is a tar archive"), ("PT-5-compressed.pt", "is compressed"),
      ("PT-30-quantized.pt", "is a quantized tensor"), ("PT-30-sparse.pt", "is a sparse tensor"),
      ("PT-36-no-tensors.pt", "\"epoch\" (3), \"lr\" (0.1)"), ("PT-31-complex-128.pt", "torch.complex128"),
    ])
  func refusalsSayWhatItIs(_ name: String, _ part: String) throws {
    let error = try #require(throws: FileError.self) {
      _ = try TorchPickleFile(path: fixtures.path("hostile/" + name))
    }
    #expect(error.description.contains(part), "\(error)")
    #expect(name.contains("PT-36") || error.code == .unsupported)
  }

  @Test func storagesAreListedOnce() throws {
    let file = try TorchPickleFile(path: fixtures.path("valid/views.pt"))
    let placed = file.placedStorages
    #expect(placed.count < file.tensors.count)
    for (one, next) in zip(placed, placed.dropFirst()) {
      #expect(one.offset + one.descriptor.byteCount <= next.offset)
    }
    let end = try #require(placed.last)
    #expect(end.offset + end.descriptor.byteCount < file.source.byteCount)
  }
}
