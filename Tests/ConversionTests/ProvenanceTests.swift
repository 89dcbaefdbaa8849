import Bytes
import Digests
import Foundation
import GGUF
import JSON
import Quantization
import Tensors
import TestSupport
import Testing

@testable import Conversion

/// What outputs say of how they were made.
@Suite struct ProvenanceTests {
  static let prefix = "decant.provenance."

  /// The keys of an output, of whichever container.
  private static func entries(of path: String) throws -> [String: String] {
    let inspection = try Inspection(path: path)
    let metadata = inspection.metadata?.entries.map { ($0.key, $0.value.string ?? "") }
    let all = metadata ?? inspection.fileMetadata.map { ($0.key, $0.value) }
    return Dictionary(uniqueKeysWithValues: all.filter { $0.0.hasPrefix(prefix) })
  }

  @Test(arguments: ["whole.gguf", "whole.safetensors", "folder"])
  func anOutputNamesItsSourceByDigest(_ name: String) async throws {
    let bench = try Workbench()
    let model = try bench.write(TinyCheckpoint { $0.shardCount = 2 })
    let output = try await bench.convert(model, to: name, Recipe(try .quantizing("nf4", blockSize: 128)))
    let entries = try Self.entries(of: output)
    #expect(
      entries[Self.prefix + "sources_xxh3_128"]
        == (try await ModelDigests(ofModelAt: model, isCryptographic: false).fast.description))
    #expect(entries[Self.prefix + "version"] == Version.current)
    let recipe = try JSONValue(parsing: Array(try #require(entries[Self.prefix + "recipe"]).utf8))
    #expect(recipe["rule"]?.string == "linear_layers" && recipe["type"]?.string == "nf4/128")
    #expect(recipe["name"] == nil, "the folder's name is nobody's")
  }

  @Test func everyFileOfASetHoldsTheDigestsOrNone() async throws {
    let bench = try Workbench()
    let model = try bench.write(TinyCheckpoint())
    let digest = try await ModelDigests(ofModelAt: model, isCryptographic: false).fast.description
    let folder = try await bench.convert(model, to: "folder", maximumFileBytes: 40_000)
    let shards = try Workbench.files(of: folder).filter { $0.key.hasSuffix(".safetensors") }
    #expect(shards.count > 1)
    for (name, bytes) in shards { #expect(Data(bytes).range(of: Data(digest.utf8)) != nil, "\(name)") }
    let split = bench.path("split.gguf")
    let destination = Destination(path: split, maximumFileBytes: 40_000)
    let plan = try Plan(converting: try Checkpoint(path: model), to: destination, recipe: Recipe(.keep))
    #expect(plan.files.count > 1)
    try await plan.pour()
    #expect(try GGUFSource(path: plan.outputPath).metadata[Self.prefix + "sources_xxh3_128"] == .string(digest))
  }

  @Test func anAdapterHasADigestOfItsOwn() async throws {
    let bench = try Workbench()
    let model = try bench.write(TinyCheckpoint())
    try TinyAdapter().write(to: bench.path("adapter"))
    let merged = try Checkpoint(path: model).adding(try Adapter(path: bench.path("adapter"), weight: 0.5))
    let output = try await bench.convert(merged, to: "merged.gguf")
    let digests = try #require(try Self.entries(of: output)[Self.prefix + "sources_xxh3_128"]).split(separator: ",")
    var expected: [String] = []
    for path in [model, bench.path("adapter")] {
      expected.append(try await ModelDigests(ofModelAt: path, isCryptographic: false).fast.description)
    }
    #expect(digests.map(String.init) == expected)
  }

  @Test(arguments: ["out.gguf", "out"])
  func itCanBeLeftOut(_ name: String) async throws {
    let bench = try Workbench()
    let checkpoint = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    let destination = Destination(path: bench.path(name), recordsProvenance: false)
    let plan = try Plan(converting: checkpoint, to: destination, recipe: Recipe(.keep))
    #expect(plan.provenance == nil)
    try await plan.pour()
    #expect(try Self.entries(of: destination.path).isEmpty)
    let error = #expect(throws: FileError.self) { try Rebuild(of: destination.path, from: checkpoint.path) }
    #expect(error?.description.contains("does not say how it was made") == true)
  }

  @Test(arguments: [true, false])
  func whatASourceSaysOfItselfIsNotPassedOn(_ recordsProvenance: Bool) async throws {
    let bench = try Workbench()
    let model = try bench.write(TinyCheckpoint())
    for (first, second) in [("1.gguf", "2.gguf"), ("1.safetensors", "2.safetensors")] {
      try await bench.convert(model, to: first, Recipe(try .quantizing("bf16")))
      let checkpoint = try Checkpoint(path: bench.path(first))
      let destination = Destination(path: bench.path(second), recordsProvenance: recordsProvenance)
      try await Plan(converting: checkpoint, to: destination, recipe: Recipe(.keep)).pour()
      let digest = try await ModelDigests(ofModelAt: checkpoint.path, isCryptographic: false).fast.description
      let entries = try Self.entries(of: destination.path)
      #expect(entries[Self.prefix + "sources_xxh3_128"] == (recordsProvenance ? digest : nil))
    }
  }

  @Test func aModelThatHoldsThePlaceholderIsRefused() async throws {
    let bench = try Workbench()
    let plan = try Plan(
      converting: try Checkpoint(path: try bench.write(TinyCheckpoint())), to: Destination(path: bench.path("a.gguf")),
      recipe: Recipe(.keep))
    let provenance = try #require(plan.provenance)
    let entries = try provenance.entries(path: "a.gguf")
    let placeholder = try #require(entries.first { $0.key.hasSuffix("xxh3_128") }).value
    var recipe = Recipe(.keep)
    recipe.metadata = [MetadataOverride(key: "general.description", value: .string("It is \(placeholder)"))]
    // Said by the plan, not at the end of a conversion of hours.
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: try Checkpoint(path: bench.path("model")), to: Destination(path: bench.path("b.gguf")),
        recipe: recipe)
    }
    #expect(error?.remedies == [.leaveOutProvenance], "\(String(describing: error))")
  }

  @Test(arguments: ["folder", "whole.safetensors"])
  func aTensorThatIsCalledAsThePlaceholderIsRefused(_ name: String) throws {
    let bench = try Workbench()
    let values = Array(repeating: Float(1), count: 4096)
    let tensors = ["a", "b", "digest-that-is-not-known-so-far."].map { RawTensor($0, shape: [64, 64], values: values) }
    let model = bench.path("m.safetensors")
    try Data(try RawSafetensors.bytes(of: tensors)).write(to: URL(fileURLWithPath: model))
    let limit = name == "whole.safetensors" ? nil : 20_000
    let error = #expect(throws: FileError.self) {
      try Plan(
        converting: try Checkpoint(path: model), to: Destination(path: bench.path(name), maximumFileBytes: limit),
        recipe: Recipe(.keep))
    }
    #expect(error?.description.contains("holds the text") == true, "\(String(describing: error))")
  }

  @Test func aLaterFileOfASplitSetHasNoPlaceForDigests() throws {
    let bench = try Workbench()
    let checkpoint = try Checkpoint(path: try bench.write(TinyCheckpoint()))
    let plan = try Plan(converting: checkpoint, to: Destination(path: bench.path("o.gguf")), recipe: Recipe(.keep))
    let provenance = try #require(plan.provenance)
    let header = Array(try provenance.entries(path: "o").map(\.value).joined().utf8)
    let file = PlannedFile(name: "f", header: header, tensors: [], byteCount: header.count)
    try provenance.checkPlaces(in: [file, file], try #require(Container.safetensors.writing), path: "o")
    #expect(throws: FileError.self) {
      try provenance.checkPlaces(in: [file, file], try #require(Container.gguf.writing), path: "o")
    }
  }

  // MARK: - Recipes

  static let recipes: [(name: String, make: @Sendable () throws -> Recipe)] = [
    ("keep", { Recipe(.keep) }),
    ("elements", { Recipe(.elements(try .quantizing("f16"))) }),
    ("every matrix", { Recipe(try .quantizing("q4_0"), refusesFallback: false) }),
    ("linear layers", { Recipe(try .quantizing("fp4", blockSize: 256, doubleQuantized: true)) }),
    (
      "mix",
      {
        var recipe = Recipe(.mix(try #require(NamedMix.named("q4_k_m"))))
        recipe.outputType = try .quantizing("q8_0")
        return recipe
      }
    ),
    (
      "overrides",
      {
        var recipe = Recipe(
          try .quantizing("int8"),
          overrides: [try .init(pattern: #"layers\.(0|1)\.mlp"#, type: try .quantizing("nf4", doubleQuantized: true))])
        recipe.embeddingType = try .quantizing("f16")
        recipe.leavesOutput = true
        return recipe.keeping(["model.layers.0.self_attn.q_proj.weight"])
      }
    ),
    (
      "of a GGUF",
      {
        var recipe = Recipe(try .quantizing("q5_0"))
        recipe.prunedLayers = [0]
        recipe.metadata = [
          MetadataOverride(key: "a.number", value: .uint32(7)), MetadataOverride(key: "a.share", value: .float32(0.1)),
          MetadataOverride(key: "a.flag", value: .bool(true)), MetadataOverride(key: "a.text", value: .string("x=y:z")),
        ]
        recipe.modelName = "Another name"
        recipe.preTokenizer = "glm4"
        return recipe
      }
    ),
    (
      "with importance",
      {
        var recipe = Recipe(try .quantizing("q4_1"))
        let sums = (0..<64).map { Float($0 % 7 + 1) }
        recipe.importance = ImportanceMatrix(
          name: "/a/place/im.gguf", entries: ["blk.0.attn_q.weight": .init(sums: sums, counts: [3])], chunkCount: 1,
          chunkSize: 512)
        return recipe
      }
    ),
  ]

  @Test(arguments: recipes.map(\.name))
  func aRecipeIsReadAsItWasWritten(_ name: String) throws {
    let recipe = try #require(Self.recipes.first { $0.name == name }).make()
    let members = try recipe.members()
    let text = try JSONValue.object(members).serialized(pretty: false)
    let again = try Recipe(try JSONValue(parsing: text), importance: recipe.importance, path: "x")
    #expect(try again.members() == members)
  }

  @Test(arguments: recipes.map(\.name))
  func anOutputIsMadeAgainFromWhatItSays(_ name: String) async throws {
    let bench = try Workbench()
    let recipe = try #require(Self.recipes.first { $0.name == name }).make()
    let model = try bench.write(TinyCheckpoint())
    let isOfGGUF = !recipe.prunedLayers.isEmpty
    for output in isOfGGUF ? ["o.gguf"] : ["o.gguf", "o.safetensors", "o"] {
      // Types of ggml have no place in safetensors.
      if !output.hasSuffix(".gguf"), ["every matrix", "mix", "with importance"].contains(name) { continue }
      let path = try await bench.convert(model, to: output, recipe)
      let rebuild = try Rebuild(of: path, from: model, importance: recipe.importance)
      let outcome = try await rebuild.run()
      #expect(outcome.differences.isEmpty, "\(output): \(outcome.differences)")
      #expect(outcome.byteCount > 0)
    }
  }

  @Test(arguments: [
    #"{"rule":"magic"}"#, #"{"rule":"mix","type":"q9_9"}"#, #"{"rule":"elements","type":"iq2_xs"}"#, #"{}"#,
    #"{"rule":"keep","overrides":[{"pattern":"(","type":"q8_0"}]}"#,
    #"{"rule":"keep","overrides":[{"pattern":"(a*)*b","type":"q8_0"}]}"#,
    #"{"rule":"keep","overrides":[{"pattern":"(?x)([a-z._0-9]+) +!","type":"q8_0"}]}"#,
    #"{"rule":"keep","metadata":["a=u8:1"]}"#, #"{"rule":"keep","output_type":7}"#,
  ])
  func aRecordOfAnotherVersionOrAStrangerIsRefused(_ text: String) throws {
    let document = try JSONValue(parsing: Array(text.utf8))
    #expect(throws: FileError.self) { try Recipe(document, importance: nil, path: "x") }
  }
}

/// Records that are too long, or whose numbers are none.
@Suite struct RecordLimitTests {
  private static func recipe(patterns: [String]) throws -> Recipe {
    let overrides = patterns.map { JSONValue.object(["pattern": .string($0), "type": "q8_0"]) }
    return try Recipe(["rule": "keep", "overrides": .array(overrides)], importance: nil, path: "x")
  }

  @Test func overridesAreCounted() throws {
    let patterns = (0..<Recipe.mostRecordedOverrides).map { #"blk\.\#($0)\.ffn_down"# }
    #expect(try Self.recipe(patterns: patterns).overrides.count == patterns.count)
    #expect(throws: FileError.self) { try Self.recipe(patterns: patterns + ["a"]) }
    let long = String(repeating: "a", count: BoundedExpression.longest)
    let most = Recipe.mostRecordedPatternBytes / BoundedExpression.longest
    #expect(try Self.recipe(patterns: Array(repeating: long, count: most)).overrides.count == most)
    #expect(throws: FileError.self) { try Self.recipe(patterns: Array(repeating: long, count: most + 1)) }
    #expect(throws: FileError.self) { try Self.recipe(patterns: [long + "a"]) }
  }

  /// A file with a record.
  private static func rebuild(version: String = "1.0.0", recipe: String) throws {
    let bench = try Workbench()
    let model = try bench.write(TinyCheckpoint())
    let header: JSONValue = [
      "__metadata__": .object([
        "decant.provenance.version": .string(version), "decant.provenance.recipe": .string(recipe),
        "decant.provenance.sources_xxh3_128": "00",
      ])
    ]
    let text = try header.serialized(pretty: false)
    let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
    try Data(length + text).write(to: URL(fileURLWithPath: bench.path("o.safetensors")))
    _ = try Rebuild(of: bench.path("o.safetensors"), from: model, adapters: [])
  }

  @Test func aRecordIsNotLongerThanItsLimit() throws {
    let padded = #"{"rule":"keep","name":""# + String(repeating: "a", count: Provenance.longestRecipe) + #""}"#
    for error in [
      #expect(throws: FileError.self) { try Self.rebuild(recipe: padded) },
      #expect(throws: FileError.self) {
        try Self.rebuild(
          version: String(repeating: "1", count: Provenance.longestVersion + 1), recipe: #"{"rule":"keep"}"#)
      },
    ] { #expect(error?.description.contains("is longer than") == true, "\(String(describing: error))") }
  }

  @Test(arguments: ["1e39", #""1""#, "null"])
  func theWeightOfAnAdapterIsAFiniteNumber(_ weight: String) throws {
    let error = #expect(throws: FileError.self) {
      try Self.rebuild(recipe: #"{"rule":"keep","adapters":[\#(weight)]}"#)
    }
    #expect(error?.code == .malformed && error?.description.contains("not a finite number") == true)
  }
}

/// Outputs made again and compared.
@Suite struct RebuildTests {
  private let bench: Workbench
  private let model: String

  init() throws {
    bench = try Workbench()
    model = try bench.write(TinyCheckpoint())
  }

  private func compared(_ path: String, from source: String? = nil, adapters: [String] = []) async throws -> [String] {
    try await Rebuild(of: path, from: source ?? model, adapters: adapters).run().differences
  }

  private func change(_ path: String, at offset: Int) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(offset))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: [byte ^ 1])
    try file.close()
  }

  @Test func aChangedWeightIsNamed() async throws {
    let output = try await bench.convert(model, to: "o.gguf", Recipe(try .quantizing("q8_0")))
    let tensor = try #require(try GGUFFile(path: output).tensors.first { $0.descriptor.name == "blk.1.attn_v.weight" })
    try change(output, at: tensor.offset + 11)
    #expect(try await compared(output) == [#""blk.1.attn_v.weight" has other bytes"#])
  }

  @Test func aChangedHeaderIsTold() async throws {
    let output = try await bench.convert(model, to: "o.gguf", Recipe(try .quantizing("q8_0")))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: output))
    let name = try #require(bytes.range(of: Data("transformers.js_config".utf8)))
    try change(output, at: name.lowerBound)
    let differences = try await compared(output)
    #expect(differences.count == 1 && differences[0].contains("header"), "\(differences)")
  }

  @Test func anotherVersionIsNoDifferenceInItself() async throws {
    let output = try await bench.convert(model, to: "o.safetensors")
    let bytes = try Workbench.bytes(output)
    let place = try #require(Data(bytes).range(of: Data(#"version":"\#(Version.current)""#.utf8)))
    try Data(bytes[..<(place.upperBound - 2)] + [UInt8(ascii: "7")] + bytes[(place.upperBound - 1)...])
      .write(to: URL(fileURLWithPath: output))
    let rebuild = try Rebuild(of: output, from: model)
    #expect(rebuild.provenance.version != Version.current)
    #expect(try await rebuild.run().differences.isEmpty)
  }

  @Test func aChangedFileBesideTheWeightsIsNamed() async throws {
    let output = try await bench.convert(model, to: "o")
    try change(output + "/config.json", at: 3)
    #expect(try await compared(output) == ["config.json has other bytes"])
    try FileManager.default.removeItem(atPath: output + "/config.json")
    #expect(try await compared(output).first?.contains("config.json is missing") == true)
  }

  @Test func anotherSourceIsTold() async throws {
    let output = try await bench.convert(model, to: "o.gguf")
    let other = try bench.write(TinyCheckpoint { $0.seed = 2 }, as: "other")
    let differences = try await compared(output, from: other)
    #expect(differences.first?.contains("the model is not the one that was used") == true, "\(differences)")
    // The same weights under another name are the same source.
    try FileManager.default.moveItem(atPath: model, toPath: bench.path("renamed"))
    #expect(try await compared(output, from: bench.path("renamed")).isEmpty)
  }

  @Test func adaptersAreNeededAndCompared() async throws {
    let adapter = bench.path("adapter")
    try TinyAdapter().write(to: adapter)
    let merged = try Checkpoint(path: model).adding(try Adapter(path: adapter, weight: 0.3))
    let output = try await bench.convert(merged, to: "o.gguf")
    #expect(try await compared(output, adapters: [adapter]).isEmpty)
    await #expect(throws: FileError.self) { try await compared(output) }
    try TinyAdapter { $0.tensors[0].bytes[0] ^= 1 }.write(to: bench.path("other"))
    let differences = try await compared(output, adapters: [bench.path("other")])
    #expect(differences.first?.contains("adapter 1 is not the one") == true, "\(differences)")
  }

  @Test func aSplitSetIsMadeAgain() async throws {
    let plan = try Plan(
      converting: try Checkpoint(path: model), to: Destination(path: bench.path("s.gguf"), maximumFileBytes: 40_000),
      recipe: Recipe(.keep))
    try await plan.pour()
    let names = plan.files.map(\.name)
    try #require(names.count > 1)
    for name in names { #expect(try await compared(bench.path(name)).isEmpty, "\(name)") }
    let last = try #require(names.last)
    try change(bench.path(last), at: try Workbench.bytes(bench.path(last)).count - 40)
    #expect(try await compared(bench.path(names[0])).count == 1)
  }

  @Test func aFileOfAFolderIsNotMadeAgainByItself() async throws {
    let output = try await bench.convert(model, to: "o", maximumFileBytes: 1 << 30)
    try FileManager.default.moveItem(atPath: output + "/model.safetensors", toPath: bench.path("m.safetensors"))
    let error = #expect(throws: FileError.self) { try Rebuild(of: bench.path("m.safetensors"), from: model) }
    #expect(error?.description.contains("give the whole folder") == true, "\(String(describing: error))")
  }

  @Test(arguments: ["o.gguf", "o.safetensors"])
  func aLongerHeaderIsOneDifference(_ name: String) async throws {
    let output = try await bench.convert(model, to: name)
    // The same weights, after a header that says more of the model.
    let again = try bench.write(TinyCheckpoint { $0.vectorType = "F32" }, as: "wider")
    let differences = try await compared(output, from: again)
    #expect(differences.count { $0.contains("bytes, not") } == 1, "\(differences)")
    #expect(!differences.contains { $0.contains("has other bytes") }, "\(differences)")
  }

  @Test func aFolderIsTheSameModelHoweverItIsSpelled() async throws {
    let outputs = [model, model + "/", model + "/.", model + "/../model"].enumerated()
    for (number, path) in outputs {
      let output = try await bench.convert(path, to: "\(number).gguf")
      #expect(try GGUFSource(path: output).metadata["general.name"] == nil)
      #expect(try Workbench.bytes(output) == Workbench.bytes(bench.path("0.gguf")), "\(path)")
    }
  }

  @Test func theImportanceMatrixIsNeeded() async throws {
    let recipe = try #require(ProvenanceTests.recipes.first { $0.name == "with importance" }).make()
    let output = try await bench.convert(model, to: "o.gguf", recipe)
    let missing = #expect(throws: FileError.self) { try Rebuild(of: output, from: model) }
    #expect(missing?.description.contains("im.gguf") == true)
    let given = try #require(recipe.importance)
    let other = ImportanceMatrix(name: "other", entries: given.entries, chunkCount: 2, chunkSize: 512)
    let wrong = #expect(throws: FileError.self) { try Rebuild(of: output, from: model, importance: other) }
    #expect(wrong?.description.contains("is not the importance matrix") == true)
    let without = try await bench.convert(model, to: "w.gguf", Recipe(try .quantizing("q4_1")))
    #expect(throws: FileError.self) { try Rebuild(of: without, from: model, importance: given) }
  }

  @Test func anOutputThatWasPackedIsTheSame() async throws {
    let output = try await bench.convert(model, to: "o.gguf")
    _ = try await Packing.pack(output, to: output + ".zst", level: 1, workers: 1, replacing: false)
    #expect(try await compared(output + ".zst").isEmpty)
  }

  @Test func aSetIsComparedFileByFile() async throws {
    let output = try await bench.convert(model, to: "o", maximumFileBytes: 40_000)
    #expect(try await compared(output).isEmpty)
    let last = try #require(
      try FileSystem.names(inFolder: output).filter { $0.hasSuffix(".safetensors") }.max())
    try change(output + "/" + last, at: try Workbench.bytes(output + "/" + last).count - 1)
    let differences = try await compared(output)
    #expect(differences.count == 1 && differences[0].contains("has other bytes"), "\(differences)")
  }
}
