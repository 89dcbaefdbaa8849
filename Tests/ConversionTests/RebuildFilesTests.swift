import Bytes
import Foundation
import GGUF
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// What could hide in an output that is compared with what its record says: padding, files beside the weights, and the
/// record itself.
@Suite struct RebuildFilesTests {
  private let bench: Workbench
  private let model: String

  init() throws {
    bench = try Workbench()
    model = try bench.write(TinyCheckpoint())
  }

  private func differences(of path: String) async throws -> [String] {
    try await Rebuild(of: path, from: model).run().differences
  }

  private func write(_ bytes: [UInt8], to path: String, at offset: Int) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: bytes)
    try file.close()
  }

  // MARK: - Padding

  /// A GGUF whose padding is far longer than its tensors.
  private func padded(maximumFileBytes: Int? = nil) async throws -> [String] {
    var recipe = Recipe(.keep)
    recipe.metadata = [MetadataOverride(key: "general.alignment", value: .uint32(1 << 16))]
    let destination = Destination(path: bench.path("o.gguf"), maximumFileBytes: maximumFileBytes)
    let plan = try Plan(converting: try Checkpoint(path: model), to: destination, recipe: recipe)
    try await plan.pour()
    return plan.files.map { bench.path($0.name) }
  }

  @Test func paddingIsCompared() async throws {
    let output = try #require(try await padded().first)
    #expect(try await differences(of: output).isEmpty)
    let tensors = try GGUFFile(path: output).tensors
    let first = try #require(tensors.first)
    let last = try #require(tensors.last)
    try write([1], to: output, at: first.offset - 1)
    for tensor in tensors.dropFirst() { try write([1], to: output, at: tensor.offset - 1) }
    try write([1], to: output, at: last.offset + last.descriptor.byteCount)
    let names = tensors.map { "\"\($0.descriptor.name)\"" }
    #expect(
      try await differences(of: output)
        == ["the padding after the header in o.gguf is not zero, or the header was edited since and ends elsewhere"]
        + names.map { "the padding after \($0) in o.gguf is not zero" })
  }

  @Test func paddingOfEveryFileOfASplitSetIsCompared() async throws {
    let paths = try await padded(maximumFileBytes: 1 << 20)
    #expect(paths.count > 1)
    for path in paths {
      let last = try #require(try GGUFFile(path: path).tensors.last)
      try write([1], to: path, at: last.offset + last.descriptor.byteCount + 7)
    }
    let differences = try await differences(of: paths[0])
    #expect(differences.count == paths.count && differences.allSatisfy { $0.contains("is not zero") }, "\(differences)")
  }

  @Test func paddingOfAPackedFileIsCompared() async throws {
    let output = try #require(try await padded().first)
    let first = try #require(try GGUFFile(path: output).tensors.first)
    try write([1], to: output, at: first.offset - 1)
    _ = try await Packing.pack(output, to: output + ".zst", level: 1, workers: 1, replacing: false)
    #expect(try await differences(of: output + ".zst").count == 1)
  }

  @Test(arguments: ["o.gguf", "o.safetensors"])
  func bytesBehindTheEndAreADifference(_ name: String) async throws {
    let output = try await bench.convert(model, to: name)
    let length = try Workbench.bytes(output).count
    // A reader of safetensors refuses what no tensor covers.
    try write(Array(repeating: 0, count: 64), to: output, at: length)
    do throws(FileError) {
      let differences = try await Rebuild(of: output, from: model).run().differences
      #expect(differences == ["\(name) has \(length + 64) bytes, not \(length)"])
    } catch {
      #expect(name == "o.safetensors" && error.code == .malformed, "\(error)")
    }
  }

  // MARK: - Files of a folder

  @Test(arguments: [
    "chat_template.jinja", "chat_template.json", "modeling_evil.py", "tokenizer.model", "generation_config.json",
    "added_tokens.json", "README.md", ".hidden", "adapter_config.json", "additional_chat_templates/tool.jinja",
    "more/model.bin", "model-00002-of-00002.safetensors", "model.safetensors.zst", "model.safetensors.index.json",
  ])
  func aFileTooManyIsNamed(_ name: String) async throws {
    let output = try await bench.convert(model, to: "o")
    #expect(try await differences(of: output).isEmpty)
    let path = output + "/" + name
    try FileManager.default.createDirectory(atPath: FileSystem.parent(path), withIntermediateDirectories: true)
    try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
    let shown = name.contains("/") ? name.prefix { $0 != "/" } + "/" : name
    #expect(try await differences(of: output) == ["\"\(shown)\" is there and would not be written"])
  }

  @Test func tenFilesTooManyAreNamedAndTheOthersCounted() async throws {
    let output = try await bench.convert(model, to: "o")
    for number in 10..<23 { try Data().write(to: URL(fileURLWithPath: output + "/modeling_\(number).py")) }
    let differences = try await differences(of: output)
    #expect(differences.count == 11 && differences.last == "3 more files are there that would not be written")
    #expect(differences.first == "\"modeling_10.py\" is there and would not be written")
  }

  @Test func everyFileThatIsMissingIsNamedAndTheRestCompared() async throws {
    let output = try await bench.convert(model, to: "o")
    let names = try FileSystem.names(inFolder: output).filter { !$0.hasSuffix(".safetensors") }
    let config = try #require(names.first { $0 == "config.json" })
    for name in names where name != config { try FileManager.default.removeItem(atPath: output + "/" + name) }
    try write(Array("x".utf8), to: output + "/" + config, at: 3)
    let expected = names.filter { $0 != config }.map { "\($0) is missing" } + ["config.json has other bytes"]
    #expect(Set(try await differences(of: output)) == Set(expected))
  }

  @Test func aFolderWhoseFileGotAnotherNameIsNotTheSame() async throws {
    let output = try await bench.convert(model, to: "o")
    try FileManager.default.moveItem(atPath: output + "/model.safetensors", toPath: output + "/weights.safetensors")
    #expect(
      try await differences(of: output)
        == ["model.safetensors is missing", "\"weights.safetensors\" is there and would not be written"])
  }

  @Test func aFolderOfPackedFilesIsTheSame() async throws {
    let output = try await bench.convert(model, to: "o", maximumFileBytes: 40_000)
    for name in try FileSystem.names(inFolder: output) where name.hasSuffix(".safetensors") {
      let path = output + "/" + name
      _ = try await Packing.pack(path, to: path + ".zst", level: 1, workers: 1, replacing: false)
      try FileManager.default.removeItem(atPath: path)
    }
    #expect(try await differences(of: output).isEmpty)
    #expect(try await differences(of: output + "/model.safetensors.index.json").isEmpty)
  }

  @Test func ofAFolderThatWasNamedForItsGGUFEveryFileCounts() async throws {
    let output = try await bench.convert(model, to: "o.gguf")
    let folder = bench.path("named")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    try FileManager.default.moveItem(atPath: output, toPath: folder + "/o.gguf")
    #expect(try await differences(of: folder).isEmpty)
    try Data().write(to: URL(fileURLWithPath: folder + "/chat_template.jinja"))
    #expect(try await differences(of: folder) == ["\"chat_template.jinja\" is there and would not be written"])
    #expect(try await differences(of: folder + "/o.gguf").isEmpty, "a file stands alone")
  }

  // MARK: - What the record sets

  @Test func whatTheRecipeSetsIsSaid() async throws {
    var recipe = Recipe(
      try .quantizing("q8_0"), overrides: [try .init(pattern: "ffn_up", type: try .quantizing("q4_0"))])
    recipe.metadata = [
      MetadataOverride(key: "tokenizer.chat_template", value: .string("{{ evil }}\u{202E}")),
      MetadataOverride(key: "a.flag", value: .bool(true)),
    ]
    recipe.modelName = "Another"
    recipe.prunedLayers = [1]
    recipe.embeddingType = try .quantizing("f16")
    let output = try await bench.convert(model, to: "o.gguf", recipe)
    let rebuild = try Rebuild(of: output, from: model)
    #expect(try await rebuild.run().differences.isEmpty)
    #expect(
      rebuild.settings == [
        #"the metadata "tokenizer.chat_template" is "{{ evil }}\u{202E}" (13 bytes)"#,
        #"the metadata "a.flag" is true"#,
        #"the model is named "Another""#, "layers are left out: 1", #"tensors that match "ffn_up" are q4_0"#,
        "the token embedding is f16",
      ])
  }

  @Test(arguments: ["o.gguf", "o"])
  func aPlainRecipeSetsNothing(_ name: String) async throws {
    let output = try await bench.convert(model, to: name)
    #expect(try Rebuild(of: output, from: model).settings.isEmpty)
  }
}
