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
        "rope_theta": 1e6, "rope_local_base_freq": 1e4,
      ]
    ),
    (
      "two kinds, one scaled",
      [
        "rope_parameters": [
          "full_attention": ["rope_theta": 1e6, "rope_type": "linear", "factor": 8.0],
          "sliding_attention": ["rope_theta": 1e6],
        ]
      ],
      ["rope_theta": 1e6, "rope_scaling": ["rope_type": "linear", "type": "linear", "factor": 8.0]]
    ),
    (
      "kinds of another model", ["rope_parameters": ["main": ["rope_theta": 1e6]]],
      ["rope_parameters": ["main": ["rope_theta": 1e6]]]
    ),
  ]

  @Test(arguments: cases.indices) func isReadable(number: Int) throws {
    let (what, before, after) = Self.cases[number]
    #expect(MLXLayout().readable(try #require(before.object)) == after.object, "\(what)")
  }
}
