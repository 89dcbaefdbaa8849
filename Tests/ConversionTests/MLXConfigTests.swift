import JSON
import Testing

@testable import Conversion

/// What mlx-lm reads of RoPE in config.json: `rope_theta` and `rope_scaling`, not the `rope_parameters` of transformers 5.
@Suite struct MLXConfigTests {
  static let cases: [(what: String, before: JSONValue, after: JSONValue)] = [
    ("nothing to say", ["hidden_size": 8], ["hidden_size": 8]),
    ("as it is read", ["rope_theta": 5e5, "rope_scaling": nil], ["rope_theta": 5e5, "rope_scaling": nil]),
    (
      "a theta", ["rope_parameters": ["rope_type": "default", "rope_theta": 5e5]],
      ["rope_parameters": ["rope_type": "default", "rope_theta": 5e5], "rope_theta": 5e5]
    ),
    (
      "a part of each head", ["rope_parameters": ["rope_theta": 1e4, "partial_rotary_factor": 0.5]],
      [
        "rope_parameters": ["rope_theta": 1e4, "partial_rotary_factor": 0.5], "rope_theta": 1e4,
        "partial_rotary_factor": 0.5,
      ]
    ),
    (
      "scaled", ["rope_parameters": ["rope_type": "linear", "factor": 4.0, "rope_theta": 1e4]],
      [
        "rope_parameters": ["rope_type": "linear", "factor": 4.0, "rope_theta": 1e4], "rope_theta": 1e4,
        "rope_scaling": ["rope_type": "linear", "type": "linear", "factor": 4.0],
      ]
    ),
    (
      "both said", ["rope_theta": 3.0, "rope_scaling": ["type": "yarn"], "rope_parameters": ["rope_theta": 7.0]],
      ["rope_theta": 3.0, "rope_scaling": ["type": "yarn"], "rope_parameters": ["rope_theta": 7.0]]
    ),
    (
      "two kinds of layers",
      ["rope_parameters": ["full_attention": ["rope_theta": 1e6], "sliding_attention": ["rope_theta": 1e4]]],
      [
        "rope_parameters": ["full_attention": ["rope_theta": 1e6], "sliding_attention": ["rope_theta": 1e4]],
        "rope_theta": 1e6,
      ]
    ),
    (
      "Gemma 3, one kind scaled",
      [
        "model_type": "gemma3_text",
        "rope_parameters": [
          "full_attention": ["rope_theta": 1e6, "rope_type": "linear", "factor": 8.0],
          "sliding_attention": ["rope_theta": 1e4],
        ],
      ],
      [
        "model_type": "gemma3_text", "rope_theta": 1e6, "rope_local_base_freq": 1e4,
        "rope_scaling": ["rope_type": "linear", "type": "linear", "factor": 8.0],
      ]
    ),
    (
      "OLMo 3, one kind scaled",
      [
        "model_type": "olmo3",
        "rope_parameters": [
          "full_attention": ["rope_theta": 5e5, "rope_type": "yarn", "factor": 8.0],
          "sliding_attention": ["rope_theta": 5e5],
        ],
      ],
      [
        "model_type": "olmo3", "rope_theta": 5e5,
        "rope_scaling": ["rope_type": "yarn", "type": "yarn", "factor": 8.0],
      ]
    ),
    (
      "OLMo 3 that has no older spelling",
      [
        "rope_parameters": [
          "full_attention": ["rope_theta": 999.0, "rope_type": "yarn"], "sliding_attention": ["rope_theta": 999.0],
        ]
      ],
      [
        "rope_theta": 999.0,
        "rope_parameters": [
          "full_attention": ["rope_theta": 999.0, "rope_type": "yarn"], "sliding_attention": ["rope_theta": 999.0],
        ],
      ]
    ),
    (
      "experts", ["model_type": "qwen3_moe", "num_local_experts": 4],
      ["model_type": "qwen3_moe", "num_local_experts": 4, "num_experts": 4]
    ),
    (
      "GPT-NeoX", ["model_type": "gpt_neox", "rope_parameters": ["rope_theta": 1e4, "partial_rotary_factor": 0.25]],
      [
        "model_type": "gpt_neox", "rope_parameters": ["rope_theta": 1e4, "partial_rotary_factor": 0.25],
        "rope_theta": 1e4, "partial_rotary_factor": 0.25, "rotary_emb_base": 1e4, "rotary_pct": 0.25,
      ]
    ),
    (
      "EXAONE 4", ["model_type": "exaone4", "hidden_size": 64, "num_attention_heads": 4],
      ["model_type": "exaone4", "hidden_size": 64, "num_attention_heads": 4, "head_dim": 16, "rope_scaling": nil]
    ),
    (
      "kinds of another model", ["rope_parameters": ["main": ["rope_theta": 1e6]]],
      ["rope_parameters": ["main": ["rope_theta": 1e6]]]
    ),
  ]

  @Test(arguments: cases.indices) func isReadable(number: Int) throws {
    let (what, before, after) = Self.cases[number]
    #expect(MLXLayout().readable(try #require(before.object)).config == after.object, "\(what)")
  }

  /// What mlx-lm computes otherwise than transformers.
  @Test(
    arguments: [
      (["model_type": "gemma2", "sliding_window": 32], "window"),
      (["rope_parameters": ["rope_type": "yarn", "truncate": false, "rope_theta": 1e4]], "yarn"),
      (
        ["rope_parameters": ["full_attention": ["rope_theta": 1e6], "sliding_attention": ["rope_theta": 1e4]]],
        "one theta"
      ),
      (["rope_parameters": ["rope_type": "yarn", "rope_theta": 1e4]], nil), (["model_type": "llama"], nil),
    ] as [(JSONValue, String?)])
  func isTold(config: JSONValue, word: String?) throws {
    let notes = MLXLayout().readable(try #require(config.object)).notes.map(\.cause)
    #expect(notes.count == (word == nil ? 0 : 1) && notes.allSatisfy { $0.contains(word ?? "") }, "\(notes)")
  }
}
