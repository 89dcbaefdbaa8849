import Architectures
import Bytes
import GGUF
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// What is changed of a model besides its types: layers left out, metadata set.
@Suite struct RecipeOptionTests {
  @Test func prunedLayersAreGoneAndTheOthersMoveUp() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint { $0.layers = 4 })
    let whole = try await bench.convert(original, to: "whole.gguf")
    var recipe = Recipe(.keep)
    recipe.prunedLayers = [0, 2]
    let pruned = try await bench.convert(original, to: "pruned.gguf", recipe)

    let (before, after) = (try Workbench.ggufTensors(at: whole), try Workbench.ggufTensors(at: pruned))
    for (old, new) in [("1", "0"), ("3", "1")] {
      for (name, tensor) in before where name.hasPrefix("blk.\(old).") {
        let moved = "blk.\(new)." + name.dropFirst("blk.\(old).".count)
        #expect(after[moved]?.bytes == tensor.bytes, "\(moved)")
      }
    }
    #expect(after.count == before.count - before.keys.count { $0.hasPrefix("blk.0.") || $0.hasPrefix("blk.2.") })
    #expect(try GGUFSource(path: pruned).metadata["llama.block_count"] == .uint32(2))
    // It is a model of its own: a folder can be made of it, and says so.
    let folder = try await bench.convert(pruned, to: "folder")
    #expect(try Checkpoint(path: folder).model?.layerCount == 2)
  }

  @Test(arguments: [([7], "no layer 7"), ([0, 1], "no layer would be left")])
  func impossiblePruningIsRefused(_ layers: [Int], _ reason: String) throws {
    let bench = try Workbench()
    let checkpoint = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    var recipe = Recipe(.keep)
    recipe.prunedLayers = Set(layers)
    let error = #expect(throws: FileError.self) {
      try Plan(converting: checkpoint, to: Destination(path: bench.path("m.gguf")), recipe: recipe)
    }
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
  }

  /// A mix goes by the metadata that the output has.
  @Test func aMixGoesByTheMetadataThatAreSet() async throws {
    let bench = try Workbench()
    let folder = try bench.write(TinyCheckpoint { $0.layers = 3 })
    let whole = try await bench.convert(folder, to: "whole.gguf")
    for path in [folder, whole] {
      let checkpoint = try Checkpoint(path: path)
      var recipe = Recipe(.mix(try #require(NamedMix.named("q4_0"))))
      let own = try recipe.circumstances(of: checkpoint)
      #expect(own.architecture == "llama")
      #expect(own.layerCount == 3)
      #expect(own.expertCount == 0)
      #expect(own.queriesPerKey == checkpoint.model?.queriesPerKey)
      recipe.metadata = [try #require(MetadataOverride("llama.expert_count=int:8"))]
      let plan = try Plan(converting: checkpoint, to: Destination(path: bench.path("m.gguf")), recipe: recipe)
      let types = Dictionary(uniqueKeysWithValues: plan.tensors.map { ($0.name, $0.targetType) })
      #expect(types["blk.1.attn_k.weight"] == "q8_0")
      #expect(types["blk.1.attn_q.weight"] == "q4_0")
    }
  }

  @Test func metadataIsOverridden() async throws {
    let bench = try Workbench()
    var recipe = Recipe(.keep)
    recipe.metadata = [
      try #require(MetadataOverride("general.name=str:a=b:c")), try #require(MetadataOverride("my.flag=bool:true")),
      try #require(MetadataOverride("llama.context_length=int:77")), try #require(MetadataOverride("my.x=float:0.5")),
    ]
    let output = try await bench.convert(try bench.write(TinyCheckpoint()), to: "m.gguf", recipe)
    let metadata = try GGUFSource(path: output).metadata
    #expect(metadata["general.name"] == .string("a=b:c"))
    #expect(metadata["my.flag"] == .bool(true))
    #expect(metadata["llama.context_length"] == .uint32(77))
    #expect(metadata["my.x"] == .float32(0.5))
  }

  @Test(arguments: [
    "", "key", "key=", "key=int", "=int:1", "k=int:-1", "k=int:4294967296", "k=float:nan", "k=bool:1", "k=u8:1",
  ])
  func malformedOverridesAreNone(_ text: String) {
    #expect(MetadataOverride(text) == nil)
  }

  @Test func onlyAGGUFIsPrunedOrGivenMetadata() throws {
    let bench = try Workbench()
    let checkpoint = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    var (pruning, naming) = (Recipe(.keep), Recipe(.keep))
    pruning.prunedLayers = [0]
    naming.metadata = [MetadataOverride(key: "general.name", value: .string("x"))]
    for (recipe, option) in [(pruning, "leaving layers out"), (naming, "setting metadata")] {
      let error = #expect(throws: FileError.self) {
        try Plan(converting: checkpoint, to: Destination(path: bench.path("out")), recipe: recipe)
      }
      #expect(error?.description.contains(option) == true)
    }
  }

  @Test func quantizingAgainIsNoted() async throws {
    let bench = try Workbench()
    let once = try await bench.convert(
      try bench.write(TinyCheckpoint()), to: "once.gguf", Recipe(try .quantizing("q8_0")))
    let plan = try Plan(
      converting: try Checkpoint(path: once), to: Destination(path: bench.path("twice.gguf")),
      recipe: Recipe(try .quantizing("q4_0")))
    #expect(plan.notes.contains { $0.cause.contains("quantized already (q8_0)") && $0.names.count > 10 })
  }
}

/// Importance matrices in plans.
@Suite struct PlannedImportanceTests {
  /// 64 columns, which no K-quant fits but q4_0 does.
  private static func matrix(_ names: [String], columns: Int = 64) -> ImportanceMatrix {
    let sums = (0..<columns).map { Float($0 % 7 + 1) }
    return ImportanceMatrix(
      name: "im.gguf", entries: Dictionary(uniqueKeysWithValues: names.map { ($0, .init(sums: sums, counts: [10])) }),
      datasets: ["text.txt"], chunkCount: 3, chunkSize: 512)
  }

  @Test func itChangesTheNamedTensorsAndIsRecorded() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint())
    let plain = try await bench.convert(original, to: "plain.gguf", Recipe(try .quantizing("q4_0")))
    var recipe = Recipe(try .quantizing("q4_0"))
    recipe.importance = Self.matrix(["blk.0.attn_q.weight"])
    let weighted = try await bench.convert(original, to: "weighted.gguf", recipe)

    let (before, after) = (try Workbench.ggufTensors(at: plain), try Workbench.ggufTensors(at: weighted))
    #expect(before.keys.filter { before[$0]?.bytes != after[$0]?.bytes } == ["blk.0.attn_q.weight"])
    let metadata = try GGUFSource(path: weighted).metadata
    #expect(metadata["quantize.imatrix.file"] == .string("im.gguf"))
    #expect(metadata["quantize.imatrix.dataset"] == .string("text.txt"))
    #expect(metadata["quantize.imatrix.entries_count"] == .uint32(1))
    #expect(metadata["quantize.imatrix.chunks_count"] == .uint32(3))
  }

  @Test func zerosAreToldAndCountAsNothing() throws {
    let bench = try Workbench()
    var recipe = Recipe(try .quantizing("q4_0"))
    recipe.importance = ImportanceMatrix(
      name: "im.gguf", entries: ["blk.0.attn_q.weight": .init(sums: .init(repeating: 0, count: 64), counts: [10])],
      chunkCount: 3, chunkSize: 512)
    let plan = try Plan(
      converting: Checkpoint(path: bench.write(TinyCheckpoint())), to: Destination(path: bench.path("m.gguf")),
      recipe: recipe)
    #expect(plan.notes.contains { $0.names == ["blk.0.attn_q.weight"] && $0.cause.contains("only zeros") })
  }

  @Test func itFollowsALayerThatMovesUp() async throws {
    let bench = try Workbench()
    let original = try bench.write(TinyCheckpoint { $0.layers = 2 })
    var recipe = Recipe(try .quantizing("q4_0"))
    recipe.importance = Self.matrix(["blk.1.attn_q.weight"])
    let whole = try await bench.convert(original, to: "whole.gguf", recipe)
    recipe.prunedLayers = [0]
    let pruned = try await bench.convert(original, to: "pruned.gguf", recipe)
    let (before, after) = (try Workbench.ggufTensors(at: whole), try Workbench.ggufTensors(at: pruned))
    #expect(before["blk.1.attn_q.weight"]?.bytes == after["blk.0.attn_q.weight"]?.bytes)
  }

  @Test func whatHasNoEntryIsNoted() throws {
    var recipe = Recipe(try .quantizing("q4_0"))
    recipe.importance = Self.matrix(["blk.0.attn_q.weight"])
    let notes = try plan(recipe).notes
    #expect(notes.contains { $0.cause.contains("no entry") && $0.description.contains("tensors of layers 0 to 1") })
  }

  @Test func aMatrixOfAnotherModelIsRefused() throws {
    var recipe = Recipe(try .quantizing("q4_0"))
    recipe.importance = Self.matrix(["blk.99.attn_q.weight"])
    let unknown = #expect(throws: FileError.self) { try plan(recipe) }
    #expect(unknown?.description.contains("another model") == true)
    recipe.importance = Self.matrix(["blk.0.attn_q.weight"], columns: 32)
    let narrow = #expect(throws: FileError.self) { try plan(recipe) }
    #expect(narrow?.description.contains("another model") == true)
  }

  @Test func whereNothingTakesItThatIsNoted() throws {
    var recipe = Recipe(try .quantizing("q8_0"))
    recipe.importance = Self.matrix(["blk.0.attn_q.weight"])
    #expect(try plan(recipe).notes.contains { $0.cause.contains("changes nothing") })
  }

  @Test func theFewestBitsNeedAnEntryForEveryWeight() throws {
    var recipe = Recipe(.mix(try #require(NamedMix.named("q2_k_s"))))
    recipe.importance = Self.matrix(["blk.0.attn_q.weight"], columns: 256)
    let error = #expect(throws: FileError.self) {
      try plan(recipe) {
        $0.hidden = 256
        $0.inner = 512
      }
    }
    #expect(error?.description.contains("q2_k is too few bits") == true, "\(String(describing: error))")
  }

  private func plan(_ recipe: Recipe, _ change: (inout TinyCheckpoint) -> Void = { _ in }) throws -> Plan {
    let bench = try Workbench()
    return try Plan(
      converting: try Checkpoint(path: try bench.write(TinyCheckpoint(change))),
      to: Destination(path: bench.path("m.gguf")), recipe: recipe)
  }
}
