import Bytes
import Foundation
import Packed
import Safetensors
import Tensors
import TestSupport
import Testing

private let fixtures = Fixtures(of: "Safetensors")

struct FolderTests {
  @Test("A folder, its index and a file can be opened")
  func paths() throws {
    for (path, names, hasIndex) in [
      ("sharded", ["a", "b"], true), ("sharded/model.safetensors.index.json", ["a", "b"], true),
      ("sharded/model-00002-of-00002.safetensors", ["b"], false), ("single", ["a"], false),
      ("single/model.safetensors", ["a"], false), ("single-other-name", ["a"], false),
      ("sharded-other-name", ["a"], true), ("sharded-without-index", ["a", "b"], false),
    ] {
      let folder = try SafetensorsFolder(path: fixtures.path("valid/" + path))
      #expect(folder.tensors.map(\.name) == names, "\(path)")
      #expect((folder.indexPath != nil) == hasIndex, "\(path)")
      #expect(folder.warnings.isEmpty == (path != "sharded-without-index"), "\(folder.warnings)")
    }
    let folder = try SafetensorsFolder(path: fixtures.path("valid/sharded"))
    #expect(try folder.bytes(of: "b") == [0, 0, 0x40, 0x40])
  }

  @Test(
    "What is odd but harmless is a warning",
    arguments: [
      ("sharded-total-size-wrong", "total_size is 13, but the tensors have 12 bytes"),
      ("single-beside-index", "is not followed, because model.safetensors is there too"),
      ("sharded-without-index", "has no index; its 2 numbered files are taken as shards"),
      ("single-beside-shards", "is not read, because model.safetensors is there too"),
      ("sharded-overlay", "are in two shards; the one in the last shard by name counts, as transformers does"),
      ("sharded-listed-elsewhere", "are listed in another shard than the one they are read from, as transformers does"),
      ("sharded-not-listed", "are in a shard but not listed, and read all the same, as transformers does"),
      ("sharded-listed-twice", "are listed twice; the last counts, as transformers does"),
    ])
  func warnings(name: String, sentence: String) throws {
    let folder = try SafetensorsFolder(path: fixtures.path("valid/" + name))
    #expect(folder.warnings.count == 1)
    #expect(folder.warnings.first?.hasSuffix(sentence) == true, "\(folder.warnings)")
  }

  /// As mlx-lm writes it.
  @Test func anIndexOfOneFileIsNothingOdd() throws {
    let temporary = try TemporaryFolder()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: fixtures.path("valid/single/model.safetensors"))))
    try temporary.write(bytes, to: "model.safetensors")
    for (file, count) in [("model.safetensors", 0), ("model-00001-of-00002.safetensors", 1)] {
      try temporary.write(#"{"weight_map": {"a": "\#(file)"}}"#.utf8, to: "model.safetensors.index.json")
      #expect(try SafetensorsFolder(path: temporary.path).warnings.count == count)
    }
  }

  /// transformers reads the shards in the order of their names; the last that has a tensor counts, whatever the index says.
  @Test func theLastOfTwoShardsCounts() throws {
    let folder = try SafetensorsFolder(path: fixtures.path("valid/sharded-overlay-listed-first"))
    #expect(folder.tensors.map(\.name).sorted() == ["a", "b", "c"])
    #expect(try folder.bytes(of: "b") == [UInt8](repeating: 1, count: 8))
    #expect(folder.warnings.count == 2)
  }

  @Test func packedShardsAreReadInPlace() async throws {
    let original = try SafetensorsFolder(path: fixtures.path("valid/sharded"))
    let folder = try TemporaryFolder()
    try folder.write(fixtures.bytes("valid/sharded/model.safetensors.index.json"), to: "model.safetensors.index.json")
    for file in original.files {
      let name = FileSystem.lastComponent(file.name)
      try await PackedWriter.pack(file.source, regions: file.packedRegions, to: folder.file(name + ".zst"))
    }
    let packed = try SafetensorsFolder(path: folder.path)
    #expect(packed.tensors == original.tensors)
    for tensor in original.tensors { #expect(try packed.bytes(of: tensor.name) == original.bytes(of: tensor.name)) }
    #expect(packed.warnings.isEmpty)
    // Without the index too, and by the name of one packed shard.
    try #require(try folder.names().count == 3)
    let one = try SafetensorsFolder(path: folder.file("model-00002-of-00002.safetensors.zst"))
    #expect(one.tensors.map(\.name) == ["b"])
  }

  @Test func shardsMayDifferInMetadata() throws {
    let folder = try TemporaryFolder()
    for (number, value) in ["one", "two"].enumerated() {
      let tensor = try TensorDescriptor(name: "t\(number)", encoding: .u8, shape: [0])
      let plan = try SafetensorsWriter.plan(tensors: [tensor], metadata: ["same": "x", "other": value])
      try folder.write(
        plan.files[0].header, to: SafetensorsWriter.shardName("model", number: number + 1, of: 2))
    }
    let opened = try SafetensorsFolder(path: folder.path)
    #expect(opened.metadata == ["same": "x", "other": "one"])
    #expect(opened.warnings.count == 2)
  }

  @Test func nothingThere() throws {
    let folder = try TemporaryFolder()
    for path in [folder.path, folder.file("no-such-folder"), folder.file("model.safetensors.index.json")] {
      let error = try #require(throws: FileError.self) { _ = try SafetensorsFolder(path: path) }
      #expect(error.code == .missing)
    }
  }
}
