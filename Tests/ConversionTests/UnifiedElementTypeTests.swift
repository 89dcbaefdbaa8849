import Bytes
import Conversion
import JSON
import Quantization
import TestSupport
import Testing

/// What is not quantized has one element type, where a loader takes it as it is stored.
@Suite struct UnifiedElementTypeTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  /// A GGUF with F32 norms that does not tell what they were, as other programs make them.
  private func foreignGGUF() async throws -> String {
    try bench.write(TinyCheckpoint { ($0.layers, $0.type, $0.vectorType) = (1, "F16", "F16") }, as: "original")
    let path = try await bench.convert(bench.path("original"), to: "own.gguf")
    let bytes = try Workbench.bytes(path)
      .replacing(Array("decant.source.".utf8), with: Array("others.source.".utf8))
      .replacing(Array("decant.huggingface.".utf8), with: Array("others.huggingface.".utf8))
    return try bench.folder.write(bytes, to: "foreign.gguf")
  }

  private func types(_ folder: String) throws -> [String: Set<String>] {
    var types: [String: Set<String>] = [:]
    for (name, tensor) in try Workbench.tensors(at: folder) where !name.contains("proj") {
      types[name.contains("norm") ? "norms" : "matrices", default: []].insert(tensor.type)
    }
    return types
  }

  private func config(_ folder: String) throws -> JSONValue {
    try JSONValue(parsing: Workbench.bytes(folder + "/config.json"))
  }

  @Test(arguments: [nil, "nf4", "int8"])
  func aForeignGGUFBecomesAFolderOfOneType(_ code: String?) async throws {
    let rule = try code.map { try Recipe.Rule.quantizing($0) } ?? .keep
    let source = try await foreignGGUF()
    let plan = try Plan(
      converting: Checkpoint(path: source), to: Destination(path: bench.path("o")), recipe: Recipe(rule))
    #expect(plan.notes.contains { $0.names.count == 3 && $0.cause.contains("f16") }, "\(plan.notes)")
    try await plan.pour()
    #expect(try types(bench.path("o")) == ["norms": ["F16"], "matrices": ["F16"]])
    #expect(try config(bench.path("o"))["torch_dtype"] == "float16")
    guard code == "nf4" else { return }
    #expect(try config(bench.path("o"))["quantization_config"]?["bnb_4bit_compute_dtype"] == "float16")
    let state = try #require(
      Workbench.tensors(at: bench.path("o"))[
        "model.layers.0.mlp.up_proj.weight.quant_state.bitsandbytes__nf4"])
    #expect(try JSONValue(parsing: state.bytes)["dtype"] == "float16")
  }

  @Test func whatDecantsGGUFRemembersComesBack() async throws {
    try bench.write(TinyCheckpoint { ($0.layers, $0.type, $0.vectorType) = (1, "BF16", "F32") }, as: "original")
    let gguf = try await bench.convert(bench.path("original"), to: "o.gguf", Recipe(try .quantizing("q8_0")))
    let back = try await bench.convert(gguf, to: "back")
    #expect(try types(back) == ["norms": ["F32"], "matrices": ["BF16"]])
  }

  @Test("An unquantized folder stays what it is; beside 4-bit weights its norms get the type of config.json")
  func aMixedFolder() async throws {
    try bench.write(TinyCheckpoint { ($0.layers, $0.type, $0.vectorType) = (1, "BF16", "F32") }, as: "model")
    let copied = try await bench.convert(bench.path("model"), to: "copied")
    #expect(try types(copied) == ["norms": ["F32"], "matrices": ["BF16"]])
    let nf4 = try await bench.convert(bench.path("model"), to: "nf4", Recipe(try .quantizing("nf4")))
    #expect(try types(nf4) == ["norms": ["BF16"], "matrices": ["BF16"]])
  }

  @Test func whatAnOptionAsksForIsDoneAndTold() async throws {
    try bench.write(TinyCheckpoint { $0.layers = 1 }, as: "model")
    var recipe = Recipe(try .quantizing("nf4"))
    recipe.overrides = [try Recipe.Override(pattern: "norm", type: TargetType(codec: Float32Codec()))]
    let plan = try Plan(
      converting: Checkpoint(path: bench.path("model")), to: Destination(path: bench.path("o")), recipe: recipe)
    #expect(plan.notes.contains { $0.names.count == 3 && $0.cause.contains("another element type") }, "\(plan.notes)")
    try await plan.pour()
    #expect(try types(bench.path("o")) == ["norms": ["F32"], "matrices": ["BF16"]])
  }

  struct Override: CustomTestStringConvertible {
    let pattern: String
    let type: String
    let output: String
    /// What is said; nil where all is done.
    let says: String?
    let isRefused: Bool
    var testDescription: String { "\(pattern)=\(type) in \(output)" }
  }

  @Test(arguments: [
    Override(
      pattern: "norm", type: "f16", output: "o.gguf", says: "only in names of norms and biases", isRefused: true),
    Override(pattern: "norm", type: "f32", output: "o.gguf", says: nil, isRefused: false),
    Override(pattern: "blk", type: "f16", output: "o.gguf", says: "stays f32", isRefused: false),
    Override(pattern: "norm", type: "q8_0", output: "o.gguf", says: "not quantized", isRefused: true),
    Override(pattern: "blk", type: "q8_0", output: "o.gguf", says: nil, isRefused: false),
    Override(pattern: "norm", type: "nf4", output: "o", says: "not quantized", isRefused: true),
    Override(pattern: "norm", type: "f16", output: "o", says: nil, isRefused: false),
    Override(pattern: "nowhere", type: "f16", output: "o", says: "matches no tensor", isRefused: false),
  ])
  func anOverrideIsObeyedOrRefused(_ override: Override) throws {
    try bench.write(TinyCheckpoint { $0.layers = 1 }, as: "model")
    var recipe = Recipe(.keep)
    recipe.modelName = override.output.hasSuffix(".gguf") ? "tiny" : nil
    recipe.overrides = [try Recipe.Override(pattern: override.pattern, type: .quantizing(override.type))]
    func plan() throws(FileError) -> Plan {
      try Plan(
        converting: Checkpoint(path: bench.path("model")), to: Destination(path: bench.path(override.output)),
        recipe: recipe)
    }
    if override.isRefused {
      let error = #expect(throws: FileError.self) { try plan() }
      #expect(error?.message.contains(override.says ?? "") == true, "\(String(describing: error))")
      return
    }
    let made = try plan()
    let notes = made.notes.map(\.description).filter { $0.contains("the expression") }
    #expect(notes.count == (override.says == nil ? 0 : 1) && notes.allSatisfy { $0.contains(override.says ?? "") })
    if override.pattern == "norm" {
      #expect(made.tensors.filter { $0.name.contains("norm") }.allSatisfy { $0.targetType == override.type })
    }
  }
}
