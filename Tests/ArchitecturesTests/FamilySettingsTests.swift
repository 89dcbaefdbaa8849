import Bytes
import JSON
import Testing

@testable import Architectures

/// What settings mean where transformers has a rule of its own for them, or reads them otherwise than they look. What is
/// expected is what transformers 5.24 computes.
@Suite struct FamilySettingsTests {
  /// The config.json of a fixture with other settings; null takes one out.
  private static func config(_ fixture: String, _ changes: [String: JSONValue]) throws -> JSONValue {
    var config = try #require(try FamilyTests.Fixture(name: fixture).config().object)
    for (key, value) in changes { config[key] = value.isNull ? nil : value }
    return .object(config)
  }

  private static func model(_ fixture: String, _ changes: [String: JSONValue]) throws -> DecoderModel {
    let config = try config(fixture, changes)
    let family = try #require(ModelFamilies.family(ofConfig: config))
    return try #require(try family.model(fromConfig: config, path: "config.json") as? DecoderModel)
  }

  private static func windows(_ model: DecoderModel) -> [Int?] {
    model.decoder.kindOfLayer.map { model.decoder.layerKinds[$0].attention.window }
  }

  // MARK: - Windows

  struct Windows: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let fixture: String
    let changes: [String: JSONValue]
    let expected: [Int?]
  }

  static let sliding: JSONValue = "sliding_attention"
  static let full: JSONValue = "full_attention"

  @Test(arguments: [
    Windows(
      testDescription: "SmolLM3: layers that do not turn heads", fixture: "SmolLM3ForCausalLM-plain",
      changes: ["layer_types": nil, "use_sliding_window": true, "sliding_window": 6, "no_rope_layers": [1, 0, 1, 0]],
      expected: [nil, 6, nil, 6]),
    Windows(
      testDescription: "SmolLM3: a list, whatever the switch says", fixture: "SmolLM3ForCausalLM-plain",
      changes: [
        "layer_types": [sliding, full, full, full], "use_sliding_window": false, "sliding_window": 6,
      ], expected: [6, nil, nil, nil]),
    Windows(
      testDescription: "Qwen2: from a layer on", fixture: "Qwen2ForCausalLM-plain",
      changes: [
        "layer_types": nil, "use_sliding_window": true, "sliding_window": 6, "max_window_layers": 1,
        "num_hidden_layers": 3,
      ], expected: [nil, 6, 6]),
    Windows(
      testDescription: "Qwen2Moe: every second one before a layer", fixture: "Qwen2MoeForCausalLM-plain",
      changes: [
        "layer_types": nil, "use_sliding_window": true, "sliding_window": 6, "max_window_layers": 3,
        "num_hidden_layers": 5,
      ], expected: [6, nil, 6, nil, nil]),
    Windows(
      testDescription: "Qwen3Moe: all, whatever is listed", fixture: "Qwen3MoeForCausalLM-plain",
      changes: ["layer_types": [full, full], "use_sliding_window": true, "sliding_window": 6, "num_hidden_layers": 2],
      expected: [6, 6]),
    Windows(
      testDescription: "Gemma3: the older name of the pattern", fixture: "Gemma3ForCausalLM-plain",
      changes: [
        "layer_types": nil, "sliding_window": 6, "sliding_window_pattern": 2, "_sliding_window_pattern": nil,
        "num_hidden_layers": 4,
      ], expected: [6, nil, 6, nil]),
    Windows(
      testDescription: "Gemma3: what is only written is not read", fixture: "Gemma3ForCausalLM-plain",
      changes: [
        "layer_types": nil, "sliding_window": 6, "sliding_window_pattern": nil, "_sliding_window_pattern": 2,
        "num_hidden_layers": 4,
      ], expected: [6, 6, 6, 6]),
  ])
  func areThoseOfTransformers(_ windows: Windows) throws {
    #expect(Self.windows(try Self.model(windows.fixture, windows.changes)) == windows.expected)
  }

  // MARK: - RoPE

  @Test func classesHaveRopeOfTheirOwn() throws {
    let oss = try Self.model(
      "GptOssForCausalLM-dense", ["rope_parameters": nil, "rope_scaling": nil, "rope_theta": nil])
    let embedding = try #require(oss.rotation?.embedding)
    guard case .yarn(let yarn) = embedding.scaling else {
      Issue.record("\(embedding)")
      return
    }
    #expect(embedding.theta == 150_000 && yarn.factor == 32 && yarn.originalContextLength == 4096 && !yarn.truncates)

    let ministral = try Self.model("Ministral3ForCausalLM-plain", ["rope_parameters": nil])
    let attention = try #require(ministral.decoder.layerKinds.first?.attention)
    #expect(attention.temperature?.beta == 0.1 && attention.temperature?.originalContextLength == 16384)
    #expect(attention.rotation?.embedding.theta == 1_000_000)
  }

  @Test func ofTwoSharesOfHeadsTheOlderHolds() throws {
    let model = try Self.model(
      "GPTNeoXForCausalLM-plain", ["rotary_pct": 0.34, "partial_rotary_factor": 1.0, "rope_parameters": nil])
    let attention = try #require(model.decoder.layerKinds.first?.attention)
    #expect(attention.headDimension == 6 && attention.rotation?.dimension == 2)
  }

  // MARK: - Refused

  struct Refused: CustomTestStringConvertible, Sendable {
    let fixture: String
    let changes: [String: JSONValue]
    let subject: String
    var testDescription: String { "\(fixture): \(subject)" }
  }

  static let yarn: JSONValue = ["type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64]

  @Test(arguments: [
    Refused(
      fixture: "Gemma3ForConditionalGeneration-plain", changes: ["final_logit_softcapping": 30.0],
      subject: "text_config.final_logit_softcapping"),
    Refused(
      fixture: "Gemma3ForCausalLM-plain",
      changes: ["sliding_window": nil], subject: "sliding_window"),
    Refused(fixture: "MptForCausalLM-plain", changes: ["alibi_bias_max": 4], subject: "attn_config.alibi_bias_max"),
    Refused(
      fixture: "MixtralForCausalLM-plain", changes: ["num_experts_per_tok": 100], subject: "num_experts_per_tok"),
    Refused(
      fixture: "Olmo3ForCausalLM-plain",
      changes: ["rope_parameters": nil, "rope_theta": 10000.0, "rope_scaling": yarn], subject: "rope_theta"),
  ])
  func isRefusedWhenItIsRead(_ refused: Refused) throws {
    var changes = refused.changes
    if let outer = refused.subject.split(separator: ".").dropLast().first.map(String.init) {
      let own = try #require(try FamilyTests.Fixture(name: refused.fixture).config()[outer]?.object)
      changes = [outer: .object(own.merging(refused.changes) { $1 })]
    }
    let error = #expect(throws: FileError.self) { try Self.model(refused.fixture, changes) }
    #expect(error?.subject == refused.subject, "\(error?.description ?? "")")
  }

  /// Settings of RoPE concern those alone that need them.
  @Test(arguments: [
    Refused(
      fixture: "Gemma3ForCausalLM-plain", changes: ["rope_parameters": nil, "rope_scaling": yarn],
      subject: "rope_scaling.type"),
    Refused(
      fixture: "Gemma3ForCausalLM-plain",
      changes: [
        "rope_scaling": ["rope_type": "linear", "factor": 2.0],
        "rope_parameters": ["full_attention": ["rope_type": "default"]],
      ], subject: "rope_scaling.rope_type"),
    Refused(
      fixture: "Gemma3ForCausalLM-plain",
      changes: ["rope_scaling": nil, "rope_parameters": ["rope_type": "linear", "factor": 2.0]],
      subject: "rope_parameters.rope_type"),
  ])
  func isRefusedWhenItIsRun(_ refused: Refused) throws {
    let model = try Self.model(refused.fixture, refused.changes)
    let error = #expect(throws: FileError.self) { try model.forwardPass(path: "config.json") }
    #expect(error?.subject == refused.subject, "\(error?.description ?? "")")
  }

  @Test(arguments: ["LlamaForCausalLM-plain", "BloomForCausalLM-plain", "Gemma3ForCausalLM-plain"])
  func attentionToWhatFollowsIsNotRun(_ fixture: String) throws {
    let model = try Self.model(fixture, ["is_causal": false])
    for error in [
      #expect(throws: FileError.self, performing: { _ = try model.forwardPass(path: "config.json") }),
      #expect(throws: FileError.self, performing: { _ = try model.configurationTensors(path: "config.json") }),
    ] { #expect(error?.code == .unsupported) }
    #expect(throws: Never.self) { try Self.model(fixture, ["is_causal": true]).forwardPass(path: "config.json") }
  }

  // MARK: - Unknown settings

  @Test func whatTheVersionCannotReadIsTold() throws {
    let model = try Self.model("LlamaForCausalLM-plain", ["attention_dream": 3, "transformers_version": "5.24.0"])
    #expect(model.unknownSettings == ["attention_dream"])
  }

  @Test(arguments: ["5.25.0", "6.0", "dev", nil])
  func whatALaterVersionCouldReadIsRefused(_ version: String?) throws {
    let stated = version.map(JSONValue.string) ?? .null
    let error = #expect(throws: FileError.self) {
      try Self.model("LlamaForCausalLM-plain", ["attention_dream": 3, "transformers_version": stated])
    }
    #expect(error?.code == .unsupported && error?.subject == "attention_dream")
    for nothing in [JSONValue.null, false, "", [], .object([:])] {
      let model = try Self.model(
        "LlamaForCausalLM-plain", ["attention_dream": nothing, "transformers_version": stated])
      #expect(model.unknownSettings.isEmpty)
    }
  }

  /// transformers writes no key that is not known here.
  @Test(arguments: FamilyTests.Fixture.all) func nothingOfAFixtureIsUnknown(_ fixture: FamilyTests.Fixture) throws {
    #expect(try fixture.model().unknownSettings == [])
  }
}
