import Bytes
import JSON
import Testing

@testable import Architectures

/// config.json of the Llama family: what is read, what has a default, what is refused.
@Suite struct LlamaConfigTests {
  private static let smallest: [String: JSONValue] = [
    "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 172, "num_hidden_layers": 2,
    "num_attention_heads": 8, "vocab_size": 512,
  ]

  private func model(_ changes: [String: JSONValue] = [:]) throws -> any Model {
    let config = Self.smallest.merging(changes) { _, new in new }
    return try LlamaFamily().model(fromConfig: .object(config), path: "config.json")
  }

  private func settings(_ changes: [String: JSONValue] = [:]) throws -> LlamaSettings {
    try LlamaSettings(try model(changes))
  }

  @Test func whatIsMissingHasTransformersDefaults() throws {
    let read = try settings()
    #expect(
      read
        == LlamaSettings(
          hiddenSize: 64, intermediateSize: 172, layerCount: 2, headCount: 8, keyValueHeadCount: 8, headDimension: 8,
          vocabularySize: 512, contextLength: 2048, normEpsilon: 1e-6, rope: RotaryEmbedding(theta: 10_000)))
  }

  @Test func everySettingIsRead() throws {
    let read = try settings([
      "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
      "rope_theta": 500_000, "tie_word_embeddings": true, "attention_bias": true, "mlp_bias": true,
      "hidden_act": "silu",
    ])
    #expect(
      read
        == LlamaSettings(
          hiddenSize: 64, intermediateSize: 172, layerCount: 2, headCount: 8, keyValueHeadCount: 2, headDimension: 16,
          vocabularySize: 512, contextLength: 4096, normEpsilon: 1e-5, rope: RotaryEmbedding(theta: 500_000),
          tiesEmbeddings: true, hasAttentionBias: true, hasFeedForwardBias: true))
  }

  @Test func nullIsAsGoodAsMissing() throws {
    let nothing: [String: JSONValue] = [
      "num_key_value_heads": nil, "head_dim": nil, "rope_scaling": nil, "rope_parameters": nil, "rope_theta": nil,
      "rms_norm_eps": nil, "tie_word_embeddings": nil, "hidden_act": nil,
    ]
    #expect(try settings(nothing) == settings())
  }

  // MARK: - RoPE

  private static let llama3: [String: JSONValue] = [
    "rope_type": "llama3", "factor": 32, "low_freq_factor": 1, "high_freq_factor": 4,
    "original_max_position_embeddings": 8192,
  ]
  private static let llama3Scaling = RotaryEmbedding.Scaling.llama3(
    factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192)

  private static let spellings: [(changes: [String: JSONValue], rope: RotaryEmbedding)] = [
    (["rope_theta": 1e6], RotaryEmbedding(theta: 1e6)),
    (["rope_parameters": ["rope_theta": 1e6, "rope_type": "default"]], RotaryEmbedding(theta: 1e6)),
    // What stands in the object counts; what it leaves out is looked for beside it.
    (["rope_theta": 5, "rope_parameters": ["rope_theta": 1e6, "rope_type": "default"]], RotaryEmbedding(theta: 1e6)),
    (["rope_theta": 1e6, "rope_parameters": ["rope_type": "default"]], RotaryEmbedding(theta: 1e6)),
    (["rope_scaling": ["type": "linear", "factor": 2.5]], RotaryEmbedding(theta: 1e4, scaling: .linear(factor: 2.5))),
    (
      ["rope_scaling": ["rope_type": "linear", "factor": 2.5]],
      RotaryEmbedding(theta: 1e4, scaling: .linear(factor: 2.5))
    ),
    (
      ["rope_parameters": ["rope_theta": 5e5, "rope_type": "linear", "factor": 4]],
      RotaryEmbedding(theta: 5e5, scaling: .linear(factor: 4))
    ),
    (["rope_theta": 5e5, "rope_scaling": .object(llama3)], RotaryEmbedding(theta: 5e5, scaling: llama3Scaling)),
    (
      ["rope_parameters": .object(llama3.merging(["rope_theta": 5e5]) { _, new in new })],
      RotaryEmbedding(theta: 5e5, scaling: llama3Scaling)
    ),
    (
      // The older spelling counts where both say something.
      ["rope_theta": 7, "rope_scaling": ["type": "linear", "factor": 4], "rope_parameters": ["rope_theta": 1e6]],
      RotaryEmbedding(theta: 7, scaling: .linear(factor: 4))
    ),
    (
      // Settings of other kinds are not read, and null is none.
      ["rope_scaling": ["type": "linear", "factor": 4, "beta_fast": 3, "attn_factor": nil, "finetuned": true]],
      RotaryEmbedding(theta: 1e4, scaling: .linear(factor: 4))
    ),
    (
      ["original_max_position_embeddings": 4096, "rope_scaling": ["rope_type": "llama3"]],
      RotaryEmbedding(
        theta: 1e4,
        scaling: .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 4096))
    ),
  ]

  @Test(arguments: spellings)
  func ropeInOlderAndNewerSpellings(_ spelling: (changes: [String: JSONValue], rope: RotaryEmbedding)) throws {
    #expect(try settings(spelling.changes).rope == spelling.rope)
  }

  // MARK: - Mistral

  @Test(
    arguments: [
      ([:], 4096), (["sliding_window": nil], nil), (["sliding_window": 128], 128),
    ] as [([String: JSONValue], Int?)])
  func mistralHasAWindowUnlessItSaysNull(_ changes: [String: JSONValue], _ window: Int?) throws {
    let mistral = changes.merging(["architectures": ["MistralForCausalLM"]]) { old, _ in old }
    let read = try settings(mistral)
    #expect(read.className == "MistralForCausalLM")
    #expect(read.slidingWindow == window)
  }

  @Test func llamaHasNoWindow() throws {
    #expect(try settings(["sliding_window": 128]).slidingWindow == nil)
  }

  // MARK: - Refusals

  private static let refusals: [(changes: [String: JSONValue], key: String)] = [
    (["architectures": ["GPT2LMHeadModel"]], "architectures"), (["architectures": nil], "architectures"),
    (["architectures": "LlamaForCausalLM"], "architectures"),
    (["hidden_size": nil], "hidden_size"), (["hidden_size": "64"], "hidden_size"), (["hidden_size": 0], "hidden_size"),
    (["hidden_size": -64], "hidden_size"), (["hidden_size": 64.5], "hidden_size"),
    (["hidden_size": 1e300], "hidden_size"),
    (["hidden_size": [64]], "hidden_size"), (["hidden_size": true], "hidden_size"),
    (["intermediate_size": nil], "intermediate_size"), (["num_hidden_layers": 100_000_000], "num_hidden_layers"),
    (["num_attention_heads": nil], "num_attention_heads"), (["vocab_size": 4_294_967_296], "vocab_size"),
    (["num_key_value_heads": 3], "num_key_value_heads"), (["num_key_value_heads": "2"], "num_key_value_heads"),
    (["num_key_value_heads": 0], "num_key_value_heads"),
    (["head_dim": 7], "head_dim"), (["num_attention_heads": 65], "head_dim"),
    (["max_position_embeddings": -1], "max_position_embeddings"),
    (["rms_norm_eps": "1e-5"], "rms_norm_eps"), (["rms_norm_eps": -1e-5], "rms_norm_eps"),
    (["rms_norm_eps": 1e-300], "rms_norm_eps"),
    (["hidden_act": "gelu"], "hidden_act"), (["hidden_act": 1], "hidden_act"),
    (["tie_word_embeddings": "true"], "tie_word_embeddings"), (["attention_bias": 1], "attention_bias"),
    (["mlp_bias": "no"], "mlp_bias"),
  ]

  /// What is wrong with RoPE is told when it is needed.
  private static let ropeRefusals: [(changes: [String: JSONValue], key: String)] = [
    (["rope_theta": "10000"], "rope_theta"), (["rope_theta": 0], "rope_theta"), (["rope_theta": 1e300], "rope_theta"),
    (["rope_parameters": ["rope_theta": "1e6"]], "rope_parameters.rope_theta"),
    (["rope_scaling": "linear"], "rope_scaling"), (["rope_parameters": [1]], "rope_parameters"),
    (["rope_scaling": ["type": "linear"]], "rope_scaling.factor"),
    (["rope_scaling": ["type": "linear", "factor": "2"]], "rope_scaling.factor"),
    (["rope_scaling": ["type": "linear", "factor": -2]], "rope_scaling.factor"),
    (["rope_scaling": ["type": "ntk", "factor": 2]], "rope_scaling.type"),
    (["rope_scaling": ["rope_type": "su", "factor": 2]], "rope_scaling.rope_type"),
    (["rope_scaling": ["rope_type": "dynamic"]], "rope_scaling.factor"),
    (["head_dim": 2, "rope_scaling": ["rope_type": "dynamic", "factor": 2]], "rope_scaling.rope_type"),
    (["rope_scaling": ["rope_type": "yarn"]], "rope_scaling.factor"),
    (["rope_scaling": ["rope_type": "yarn", "factor": 2, "beta_fast": -1]], "rope_scaling.beta_fast"),
    (["rope_scaling": ["rope_type": "yarn", "factor": 2, "truncate": 1]], "rope_scaling.truncate"),
    (["rope_scaling": ["rope_type": "yarn", "factor": 2, "attention_factor": 0]], "rope_scaling.attention_factor"),
    (
      ["rope_scaling": ["rope_type": "yarn", "factor": 2, "mscale": -99, "mscale_all_dim": 1]], "rope_scaling.mscale"
    ),
    (["rope_scaling": ["rope_type": "yarn", "factor": 2, "attn_factor": 2]], "rope_scaling.attn_factor"),
    (
      ["rope_scaling": ["rope_type": "yarn", "factor": 2, "extrapolation_factor": 0.5]],
      "rope_scaling.extrapolation_factor"
    ),
    (["rope_parameters": ["rope_type": "default", "mrope_section": [2, 2]]], "rope_parameters.mrope_section"),
    (["rope_parameters": ["rope_type": "longrope", "factor": 2]], "rope_parameters.short_factor"),
    (
      ["rope_parameters": ["rope_type": "longrope", "short_factor": [1, 1, 1, 1], "long_factor": [1, 1, 0, 1]]],
      "rope_parameters.long_factor"
    ),
    (
      ["rope_parameters": ["rope_type": "proportional", "partial_rotary_factor": 1.5]],
      "rope_parameters.partial_rotary_factor"
    ),
    (["rope_scaling": ["rope_type": 3]], "rope_scaling.rope_type"),
    (
      ["rope_scaling": ["rope_type": "llama3", "low_freq_factor": 4, "high_freq_factor": 4]],
      "rope_scaling.high_freq_factor"
    ),
    (
      ["rope_scaling": ["rope_type": "llama3", "original_max_position_embeddings": 0]],
      "rope_scaling.original_max_position_embeddings"
    ),
    (["rope_parameters": ["full_attention": ["rope_theta": 1e6]]], "rope_parameters.full_attention"),
    (["partial_rotary_factor": 0.5], "partial_rotary_factor"),
    (["rope_parameters": ["partial_rotary_factor": 0.5]], "rope_parameters.partial_rotary_factor"),
  ]

  @Test(arguments: ropeRefusals)
  func whatIsNotUnderstoodOfRoPEIsKept(_ refusal: (changes: [String: JSONValue], key: String)) throws {
    let model = try model(refusal.changes)
    let rope = try LlamaSettings(model).rope
    let error = try #require(throws: FileError.self) { try rope.checkUnderstood() }
    #expect(error.subject == refusal.key)
    #expect(error.path == "config.json")
    #expect(throws: error) { try model.config(path: "m.gguf") }
    #expect(throws: error) { try model.metadata(path: "m.gguf") }
    #expect(throws: error) { try model.configurationTensors(path: "m.gguf") }
  }

  @Test(arguments: refusals)
  func refusesAndNamesTheKey(_ refusal: (changes: [String: JSONValue], key: String)) {
    let error = #expect(throws: FileError.self) { try model(refusal.changes) }
    #expect(error?.subject == refusal.key)
    #expect(error?.path == "config.json")
  }

  @Test(arguments: [.null, [], "text", 3] as [JSONValue])
  func refusesWhatIsNoObject(_ document: JSONValue) {
    #expect(throws: FileError.self) { try LlamaFamily().model(fromConfig: document, path: "config.json") }
  }

  // MARK: - Writing

  @Test(arguments: [
    RotaryEmbedding(theta: 5e5), RotaryEmbedding(theta: 5e5, scaling: .linear(factor: 2.5)),
    RotaryEmbedding(theta: 5e5, scaling: llama3Scaling),
    RotaryEmbedding(theta: 5e5, scaling: .dynamic(factor: 2, contextLength: 4096)),
    RotaryEmbedding(theta: 5e5, scaling: .proportional(factor: 3, share: 0.7)),
    RotaryEmbedding(
      theta: 5e5, scaling: .yarn(YarnScaling(factor: 4, originalContextLength: 1024)), attentionFactor: 1.1386294),
    RotaryEmbedding(
      theta: 5e5,
      scaling: .yarn(
        YarnScaling(factor: 4.1, originalContextLength: 999, betaFast: 8, betaSlow: 0.3, truncates: false)),
      attentionFactor: 0.7),
    RotaryEmbedding(
      theta: 5e5,
      scaling: .longRope(
        LongRopeScaling(
          shortDivisors: [1, 1.1, 1.2, 1.3, 1, 1, 1, 1], longDivisors: [2, 2, 2, 2, 2, 2, 2, 9.87],
          originalContextLength: 1000)),
      attentionFactor: 1.19),
  ])
  func whatIsWrittenIsReadBack(_ rope: RotaryEmbedding) throws {
    for (className, window) in [("LlamaForCausalLM", nil), ("MistralForCausalLM", 128), ("MistralForCausalLM", nil)] {
      let isMistral = className == "MistralForCausalLM"
      let settings = LlamaSettings(
        className: className, hiddenSize: 64, intermediateSize: 172, layerCount: 2, headCount: 8, keyValueHeadCount: 4,
        headDimension: 16, vocabularySize: 512, contextLength: 4096, normEpsilon: 1e-5,
        rope: rope, slidingWindow: window, tiesEmbeddings: true,
        hasAttentionBias: !isMistral, hasFeedForwardBias: !isMistral)
      let written = try settings.model().config(path: "m")
      let read = try LlamaFamily().model(fromConfig: .object(written), path: "config.json")
      #expect(try LlamaSettings(read) == settings)
      #expect(written["rms_norm_eps"] == 1e-5, "the decimal that a person wrote")
    }
  }
}
