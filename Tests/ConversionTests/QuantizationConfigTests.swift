import Bytes
import Conversion
import JSON
import Quantization
import TestSupport
import Testing

/// `quantization_config` says what the weights of a folder are, whether they are made or copied.
@Suite struct QuantizationConfigTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    try bench.write(TinyCheckpoint { $0.layers = 2 }, as: "model")
  }

  private func config(_ folder: String) throws -> JSONValue? {
    try JSONValue(parsing: Workbench.bytes(folder + "/config.json"))["quantization_config"]
  }

  /// The folder without the key.
  private func withoutKey(_ folder: String) throws {
    var config = try #require(JSONValue(parsing: Workbench.bytes(folder + "/config.json")).object)
    config["quantization_config"] = nil
    try bench.folder.write(
      try JSONValue.object(config).serialized(), to: FileSystem.lastComponent(folder) + "/config.json")
  }

  @Test(arguments: ["nf4", "fp4", "int4"], [false, true])
  func aCopyGetsTheKeyThatWasMissing(_ code: String, _ isDouble: Bool) async throws {
    let made = try await bench.convert(
      bench.path("model"), to: "made", Recipe(try .quantizing(code, doubleQuantized: isDouble)))
    let expected = try #require(try config(made))
    #expect(try await config(bench.convert(made, to: "whole")) == expected)
    try withoutKey(made)
    #expect(try await config(bench.convert(made, to: "copied")) == expected)
    #expect(try await config(bench.convert(made, to: "shards", maximumFileBytes: 20_000)) == expected)
    #expect(try await config(bench.convert(made, to: "f16", Recipe(.elements(.quantizing("f16"))))) == nil)
  }

  @Test func whatTheFolderSaysItselfStays() async throws {
    let made = try await bench.convert(bench.path("model"), to: "made", Recipe(try .quantizing("nf4")))
    var document = try #require(JSONValue(parsing: Workbench.bytes(made + "/config.json")).object)
    var own = try #require(document["quantization_config"]?.object)
    own["bnb_4bit_compute_dtype"] = "float32"
    own["a_key_nobody_knows"] = 1
    document["quantization_config"] = .object(own)
    try bench.folder.write(try JSONValue.object(document).serialized(), to: "made/config.json")
    #expect(try await config(bench.convert(made, to: "copied")) == .object(own))
    // Of weights that are decoded, the loader must know.
    var recipe = Recipe(.keep)
    recipe.overrides = [try Recipe.Override(pattern: "layers.0.mlp.up_proj", type: .quantizing("bf16"))]
    let partly = try #require(try await config(bench.convert(made, to: "partly", recipe)))
    #expect(partly["llm_int8_skip_modules"] == ["lm_head", "model.layers.0.mlp.up_proj"])
    #expect(partly["bnb_4bit_compute_dtype"] == "float32")
  }

  /// A list of what stays takes the place of the loader's own, which has the head, tied or not.
  @Test(arguments: [true, false]) func aHeadIsOneOfThoseThatStay(_ isTied: Bool) async throws {
    let model = try bench.write(TinyCheckpoint { $0.isTied = isTied }, as: "tied-\(isTied)")
    let plain = try await bench.convert(model, to: "plain", Recipe(try .quantizing("nf4")))
    #expect(try config(plain)?["llm_int8_skip_modules"] == JSONValue.null)
    var recipe = Recipe(try .quantizing("nf4"))
    recipe.overrides = [try Recipe.Override(pattern: "up_proj", type: .quantizing("bf16"))]
    let partly = try await bench.convert(model, to: "partly", recipe)
    let stays: JSONValue = ["lm_head", "model.layers.0.mlp.up_proj", "model.layers.1.mlp.up_proj"]
    #expect(try config(partly)?["llm_int8_skip_modules"] == stays)
  }

  @Test func anEmbeddingOfFourBitsIsTold() throws {
    var recipe = Recipe(try .quantizing("nf4"))
    recipe.embeddingType = try .quantizing("nf4")
    let plan = try Plan(
      converting: Checkpoint(path: bench.path("model")), to: Destination(path: bench.path("o")), recipe: recipe)
    #expect(plan.notes.contains { $0.names == ["model.embed_tokens.weight"] && $0.cause.contains("will not open") })
  }

  @Test func whatAnAdapterChangesOfAQuantizedModelIsTold() async throws {
    let made = try await bench.convert(bench.path("model"), to: "made", Recipe(try .quantizing("nf4")))
    try TinyAdapter().write(to: bench.path("adapter"))
    let model = try Checkpoint(path: made).adding(Adapter(path: bench.path("adapter"), weight: 1))
    let plan = try Plan(converting: model, to: Destination(path: bench.path("o")), recipe: Recipe(.keep))
    #expect(plan.notes.map(\.description).contains { $0.contains("merged and stored as bf16, not as nf4") })
    try await plan.pour()
    let config = try #require(try config(bench.path("o")))
    #expect(config["llm_int8_skip_modules"] == ["lm_head", "model.layers.0.mlp.up_proj"])
    #expect(try Workbench.tensors(at: bench.path("o"))["model.layers.0.mlp.up_proj.weight"]?.type == "BF16")
  }

  @Test(arguments: ["nf4", "fp4", "int4", "int8"], ["o", "o.gguf"])
  func thePlanSaysWhoReadsIt(_ code: String, _ output: String) async throws {
    let plan = try Plan(
      converting: Checkpoint(path: bench.path("model")), to: Destination(path: bench.path(output)),
      recipe: Recipe(try .quantizing(code)))
    let notes = plan.notes.map(\.description).filter { $0.contains("only Decant reads") }
    #expect(notes.count == (output == "o" && code.hasSuffix("f4") || output == "o" && code == "fp4" ? 0 : 1))
    if code == "int8", output == "o" { #expect(notes.allSatisfy { $0.contains("LLM.int8") }) }
  }
}
