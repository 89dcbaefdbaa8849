import Bytes
import Conversion
import Foundation
import Tensors
import TestSupport
import Testing

/// Nothing that a job reads is ever in its output's way, by whatever name or link.
@Suite struct InputProtectionTests {
  private let bench: Workbench
  private let model: String

  init() throws {
    bench = try Workbench()
    model = try bench.write(TinyCheckpoint())
  }

  /// Plans with everything that may be replaced being replaced, and gives the refusal.
  private func refusal(
    _ input: String, to output: String, _ recipe: Recipe = Recipe(.keep), container: Container? = nil,
    alsoReading: [String] = []
  ) throws -> FileError? {
    let checkpoint = try Checkpoint(path: input)
    do throws(FileError) {
      _ = try Plan(
        converting: checkpoint,
        to: Destination(path: bench.path(output), container: container, replacesExisting: true), recipe: recipe,
        alsoReading: alsoReading)
      return nil
    } catch {
      return error
    }
  }

  private func expectRefusal(
    _ input: String, to output: String, _ recipe: Recipe = Recipe(.keep), container: Container? = nil,
    alsoReading: [String] = [], mentions: String = "is the input", sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let error = try refusal(input, to: output, recipe, container: container, alsoReading: alsoReading)
    #expect(
      error?.code == .exists && error?.description.contains(mentions) == true, "\(String(describing: error))",
      sourceLocation: sourceLocation)
  }

  @Test func theImportanceMatrix() throws {
    let path = bench.path("i.gguf")
    let matrix = ImportanceMatrix(
      entries: ["blk.0.attn_q.weight": .init(sums: Array(repeating: 1, count: 64), counts: [1])], chunkCount: 1,
      chunkSize: 512)
    try matrix.write(to: path, replacing: false)
    var recipe = Recipe(.keep)
    recipe.importance = try ImportanceMatrix(path: path)
    try expectRefusal(model, to: "i.gguf", recipe)
    try FileManager.default.createDirectory(atPath: bench.path("out"), withIntermediateDirectories: false)
    try FileManager.default.moveItem(atPath: path, toPath: bench.path("out/i.gguf"))
    recipe.importance = try ImportanceMatrix(path: bench.path("out/i.gguf"))
    try expectRefusal(model, to: "out", recipe)
  }

  @Test func whatElseTheJobReads() throws {
    let text = try bench.folder.write("text".utf8, to: "t.gguf")
    try expectRefusal(model, to: "t.gguf", alsoReading: [text])
    try bench.write(TinyCheckpoint(), as: "out")
    try bench.folder.write("text".utf8, to: "out/t.txt")
    try expectRefusal(model, to: "out", alsoReading: [bench.path("out/t.txt")])
  }

  @Test func theFilesOfATokenizer() throws {
    try bench.folder.write("{}".utf8, to: "model/tokenizer.json")
    for path in [model, bench.path("model/tokenizer.json")] {
      #expect(try ModelTokenizer.inputPaths(path).contains(bench.path("model/tokenizer.json")), "\(path)")
      #expect(try ModelTokenizer.inputPaths(path).contains(bench.path("model/config.json")), "\(path)")
    }
    #expect(try ModelTokenizer.inputPaths("m.gguf") == ["m.gguf"])
  }

  @Test(arguments: ["config.json", "generation_config.json", "tokenizer.json", "model.safetensors.index.json"])
  func theSmallFilesBesideTheWeights(_ name: String) throws {
    let sharded = try bench.write(TinyCheckpoint { $0.shardCount = 2 }, as: "sharded")
    if try !FileSystem.exists(sharded + "/" + name) { try bench.folder.write("{}".utf8, to: "sharded/" + name) }
    let index = sharded + "/model.safetensors.index.json"
    try expectRefusal(index, to: "sharded/" + name, container: .gguf)
    // The same where they are links.
    let real = bench.path("real/" + name)
    try FileManager.default.createDirectory(atPath: bench.path("real"), withIntermediateDirectories: false)
    try FileManager.default.moveItem(atPath: sharded + "/" + name, toPath: real)
    try SymbolicLink.make(at: sharded + "/" + name, to: "../real/" + name)
    try expectRefusal(sharded, to: "real/" + name, container: .gguf)
    try expectRefusal(sharded, to: "real")
  }

  @Test func anIndexOfAnotherName() throws {
    let sharded = try bench.write(TinyCheckpoint { $0.shardCount = 2 }, as: "sharded")
    try FileManager.default.moveItem(
      atPath: sharded + "/model.safetensors.index.json", toPath: bench.path("other.json"))
    try SymbolicLink.make(at: sharded + "/weights.safetensors.index.json", to: "../other.json")
    try expectRefusal(sharded, to: "other.json", container: .gguf)
  }

  @Test func weightsThatLinksLeadTo() throws {
    let output = try bench.write(TinyCheckpoint(), as: "out")
    try FileManager.default.moveItem(
      atPath: output + "/model.safetensors", toPath: output + "/pytorch.safetensors")
    try FileManager.default.removeItem(atPath: model + "/model.safetensors")
    try SymbolicLink.make(at: model + "/model.safetensors", to: "../out/pytorch.safetensors")
    try expectRefusal(model, to: "out")
    // A folder of nothing but links.
    try FileManager.default.createDirectory(atPath: bench.path("links"), withIntermediateDirectories: false)
    for name in try FileSystem.names(inFolder: model) {
      try SymbolicLink.make(at: bench.path("links/" + name), to: "../model/" + name)
    }
    try expectRefusal(bench.path("links"), to: "model")
  }

  @Test func anAdapterAndWhatItsLinksLeadTo() throws {
    let adapter = bench.path("adapter")
    try TinyAdapter().write(to: adapter)
    try bench.write(TinyCheckpoint(), as: "out")
    try FileManager.default.moveItem(
      atPath: adapter + "/adapter_model.safetensors", toPath: bench.path("out/adapter.safetensors"))
    try SymbolicLink.make(at: adapter + "/adapter_model.safetensors", to: "../out/adapter.safetensors")
    let checkpoint = try Checkpoint(path: model).adding(try Adapter(path: adapter))
    for output in ["out", "adapter"] {
      let error = #expect(throws: FileError.self) {
        try Plan(
          converting: checkpoint, to: Destination(path: bench.path(output), replacesExisting: true),
          recipe: Recipe(.keep))
      }
      #expect(error?.description.contains("is the input") == true, "\(String(describing: error))")
    }
  }

  @Test("A run that was killed may have left the only copy under the hidden name")
  func whatAnOutputIsStagedIn() async throws {
    let mentions = "until it is complete"
    let hidden = bench.path(".o.gguf.partial")
    try FileManager.default.moveItem(atPath: try await bench.convert(model, to: "m.gguf"), toPath: hidden)
    try expectRefusal(hidden, to: "o.gguf", mentions: mentions)
    try FileManager.default.moveItem(atPath: hidden, toPath: bench.path(".o.gguf.partial.journal"))
    try expectRefusal(bench.path(".o.gguf.partial.journal"), to: "o.gguf", mentions: mentions)
    for name in [".o.partial", ".o.partial.old"] {
      let folder = try bench.write(TinyCheckpoint(), as: name)
      try expectRefusal(folder, to: "o", mentions: mentions)
      try expectRefusal(folder + "/model.safetensors", to: "o", mentions: mentions)
      try expectRefusal(model, to: "o", alsoReading: [folder + "/config.json"], mentions: mentions)
    }
    // The second file of a set.
    let parts = try Plan(
      converting: try Checkpoint(path: model), to: Destination(path: bench.path("s.gguf"), maximumFileBytes: 60_000),
      recipe: Recipe(.keep)
    ).files.map(\.name)
    let staged = bench.path("." + parts[1] + ".partial")
    try FileManager.default.moveItem(atPath: bench.path(".o.gguf.partial.journal"), toPath: staged)
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: try Checkpoint(path: staged),
        to: Destination(path: bench.path("s.gguf"), maximumFileBytes: 60_000), recipe: Recipe(.keep))
    }
    #expect(error?.description.contains(mentions) == true)
  }

  // MARK: - Outputs of one file

  @Test func aFileThatIsNoModel() throws {
    let text = try bench.folder.write("text".utf8, to: "t.txt")
    let spent = try bench.folder.write("old".utf8, to: "old.gguf")
    let weights = model + "/model.safetensors"
    for (output, reason) in [
      (text, "is the input"), (weights, "is the input"), (model, "is the input"), (bench.folder.path, "or holds it"),
      ("", "needs a name"), (bench.path("."), "name the output itself"),
    ] {
      let error = #expect(throws: FileError.self) {
        try FileOutput(output, replacing: true).check(against: [weights, text, model], spent: [spent])
      }
      #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }
    let folder = #expect(throws: FileError.self) { try FileOutput(model, replacing: true).check(against: [text]) }
    #expect(folder?.message.contains("is a folder") == true)
    // What has been read to its end may be replaced, but is not what the output is staged in.
    try FileOutput(spent, replacing: true).check(against: [text], spent: [spent])
    #expect(throws: FileError.self) { try FileOutput(spent, replacing: false).check(against: [], spent: [spent]) }
    let hidden = try bench.folder.write("old".utf8, to: ".n.gguf.partial")
    #expect(throws: FileError.self) {
      try FileOutput(bench.path("n.gguf"), replacing: true).check(against: [], spent: [hidden])
    }
  }

  @Test func packingIntoAFolderIsRefusedFirst() async throws {
    let weights = model + "/model.safetensors"
    let before = try bench.folder.names()
    for output in [model, weights] {
      let pack = await #expect(throws: FileError.self) {
        try await Packing.pack(weights, to: output, level: 1, workers: 1, replacing: true)
      }
      #expect(pack?.code == .exists)
      let unpack = await #expect(throws: FileError.self) {
        try await Packing.unpack(weights, to: output, workers: 1, replacing: true)
      }
      #expect(unpack?.code == .exists)
    }
    #expect(try bench.folder.names() == before)
  }

  // MARK: - What --force replaces

  @Test(arguments: ["main.c", ".env", "thesis.txt", "model.bin", "adapter_config.json", "notes/"])
  func aFolderWithAForeignFileStays(_ name: String) throws {
    try bench.write(TinyCheckpoint(), as: "proj")
    if name.hasSuffix("/") {
      try FileManager.default.createDirectory(atPath: bench.path("proj/" + name), withIntermediateDirectories: false)
    } else {
      try bench.folder.write("mine".utf8, to: "proj/" + name)
    }
    try expectRefusal(
      model, to: "proj", mentions: "holds \"\(name.split(separator: "/")[0])\", which is not a file of a model")
  }

  @Test func aFolderWithoutWeightsStays() throws {
    try FileManager.default.createDirectory(atPath: bench.path("proj"), withIntermediateDirectories: false)
    #expect(try refusal(model, to: "proj") == nil, "an empty folder is nobody's work")
    for name in ["config.json", "README.md"] { try bench.folder.write("{}".utf8, to: "proj/" + name) }
    try expectRefusal(model, to: "proj", mentions: "no weights")
  }

  @Test func aModelAsItIsPublishedIsReplaced() throws {
    try bench.write(TinyCheckpoint { $0.shardCount = 2 }, as: "old")
    for name in [
      "README.md", "LICENSE", ".gitattributes", "USE_POLICY.md", "tokenizer.model", "merges.txt", "vocab.json",
      "chat_template.jinja", "preprocessor_config.json",
    ] {
      try bench.folder.write("".utf8, to: "old/" + name)
    }
    #expect(try refusal(model, to: "old") == nil)
  }

  @Test func everythingThatIsWrittenIntoAFolderCanBeReplaced() async throws {
    try await bench.convert(TinyLlama.path, to: "old", maximumFileBytes: 400_000)
    #expect(try FileSystem.names(inFolder: bench.path("old")).count > 7)
    #expect(try refusal(model, to: "old") == nil)
  }

  @Test func aLinkIsNoFolderToReplace() throws {
    let real = try bench.write(TinyCheckpoint(), as: "real")
    try SymbolicLink.make(at: bench.path("link"), to: real)
    try SymbolicLink.make(at: bench.path("nowhere"), to: "none")
    for name in ["link", "link/", "nowhere"] { try expectRefusal(model, to: name, mentions: "is a link") }
  }

  @Test(arguments: ["none/.", "none/..", ".", "other/.."])
  func aNameThatCannotBeReplaced(_ output: String) throws {
    try bench.write(TinyCheckpoint(), as: "other")
    for container in Container.all {
      let error = try refusal(model, to: output, container: container)
      #expect(error?.message.contains("name the output itself") == true, "\(String(describing: error))")
    }
  }
}
