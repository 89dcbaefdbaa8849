import Bytes
import Conversion
import GGUF
import JSON
import Tensors
import TestSupport
import Testing

@testable import Architectures

/// RoPE from one container to another: what cannot be said there, and what need not be understood.
@Suite struct RoPEConversionTests {
  private static let divisors: JSONValue = .array((0..<8).map { .number(1 + Double($0) / 4) })

  /// Heads of 16, contexts of 128: entries of config.json for each kind.
  private static let kinds: [(name: String, entries: [String: JSONValue])] = [
    ("linear", ["rope_scaling": ["rope_type": "linear", "factor": 3.0]]),
    (
      "llama3",
      [
        "rope_parameters": [
          "rope_type": "llama3", "rope_theta": 5000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 64,
        ]
      ]
    ),
    ("yarn", ["rope_scaling": ["type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32]]),
    (
      "yarn with mscale",
      [
        "rope_parameters": [
          "rope_type": "yarn", "rope_theta": 5000.0, "factor": 4.0, "original_max_position_embeddings": 32,
          "mscale": 0.7, "mscale_all_dim": 1.0,
        ]
      ]
    ),
    (
      "yarn with betas",
      [
        "rope_parameters": [
          "rope_type": "yarn", "rope_theta": 5000.0, "factor": 4.0, "original_max_position_embeddings": 32,
          "beta_fast": 8.0, "truncate": false,
        ]
      ]
    ),
    (
      "longrope",
      [
        "original_max_position_embeddings": 32,
        "rope_scaling": [
          "type": "longrope", "short_factor": .array(Array(repeating: 1.0, count: 8)), "long_factor": divisors,
        ],
      ]
    ),
    (
      "proportional",
      ["rope_parameters": ["rope_type": "proportional", "rope_theta": 1e4, "partial_rotary_factor": 0.5]]
    ),
  ]

  private static func checkpoint(_ entries: [String: JSONValue]) -> TinyCheckpoint {
    TinyCheckpoint { $0.settings = entries }
  }

  private func rope(_ path: String) throws -> RotaryEmbedding {
    let model = try #require(try Checkpoint(path: path).model as? DecoderModel)
    let rotations = Set(model.decoder.layerKinds.map(\.attention.rotation))
    #expect(rotations.count == 1, "every layer turns its heads alike")
    return try #require(rotations.first ?? nil).embedding
  }

  @Test(arguments: kinds)
  func theEntriesComeBackFromAGGUF(_ kind: (name: String, entries: [String: JSONValue])) async throws {
    let bench = try Workbench()
    let original = try bench.write(Self.checkpoint(kind.entries))
    let gguf = try await bench.convert(original, to: "m.gguf")
    let back = try await bench.convert(gguf, to: "back")
    let config = try JSONValue(parsing: Workbench.bytes(back + "/config.json"))
    for (key, value) in kind.entries { #expect(config[key] == value, "\(key)") }
    #expect(config["rope_scaling"] == kind.entries["rope_scaling"])
    #expect(try rope(back) == rope(original))
    #expect(try rope(gguf) == rope(original), "what config.json said is known in the GGUF too")
  }

  /// Files of other programs hold no config.json: entries are made that turn heads alike.
  @Test(arguments: kinds)
  func withoutTheFirstConfigurationHeadsAreTurnedAlike(_ kind: (name: String, entries: [String: JSONValue]))
    async throws
  {
    let bench = try Workbench()
    let original = try bench.write(Self.checkpoint(kind.entries))
    let foreign = try await bench.convert(
      try await bench.convert(original, to: "m.gguf"), to: "foreign.gguf",
      Self.setting("decant.huggingface.config", "none"))
    let back = try await bench.convert(foreign, to: "back")
    let expected = try rope(original)
    #expect(try rope(foreign).agrees(with: expected, dimension: 16))
    #expect(try rope(back).agrees(with: expected, dimension: 16))
    // And what the made entries say becomes the same GGUF.
    let again = try GGUFSource(path: try await bench.convert(back, to: "again.gguf"))
    let first = try GGUFSource(path: foreign)
    for key in ["type", "factor", "original_context_length", "attn_factor"] {
      let key = "llama.rope.scaling." + key
      #expect(again.metadata[key] == first.metadata[key], "\(key)")
    }
    for name in ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"] {
      #expect(
        again.descriptor(of: name) == nil && first.descriptor(of: name) == nil || again.descriptor(of: name) != nil)
      guard first.descriptor(of: name) != nil else { continue }
      #expect(try again.bytes(of: name) == first.bytes(of: name), "\(name)")
    }
  }

  @Test func dynamicRoPEBecomesNoGGUF() async throws {
    let bench = try Workbench()
    let entries: [String: JSONValue] = ["rope_scaling": ["type": "dynamic", "factor": 2.0]]
    let original = try bench.write(Self.checkpoint(entries))
    let error = await #expect(throws: FileError.self) { try await bench.convert(original, to: "m.gguf") }
    #expect(error?.code == .unsupported && error?.path == original)
    #expect(error?.message.contains("keep such a model in safetensors") == true)
    let other = try await bench.convert(original, to: "other", Recipe(.elements(try TargetType.quantizing("f16"))))
    #expect(try rope(other) == rope(original))
  }

  // MARK: - What is not understood

  /// Kinds that nobody knows, unknown settings, wrong numbers.
  private static let notUnderstood: [[String: JSONValue]] = [
    ["rope_scaling": ["rope_type": "spiral", "factor": 2.0]],
    ["rope_parameters": ["rope_type": "yarn", "factor": 2.0, "wobble": 3]],
    ["rope_scaling": ["type": "linear", "factor": -1.0]],
    ["partial_rotary_factor": 0.5],
    ["rope_parameters": ["full_attention": ["rope_type": "default"]]],
    ["rope_theta": "large"],
  ]

  @Test(arguments: notUnderstood)
  func jobsThatLeaveRoPEAloneCopyIt(_ entries: [String: JSONValue]) async throws {
    let bench = try Workbench()
    let original = try bench.write(Self.checkpoint(entries))
    let jobs: [(String, Recipe, Int?)] = [
      ("f16", Recipe(.elements(try TargetType.quantizing("f16"))), nil), ("nf4", Recipe(try .quantizing("nf4")), nil),
      ("shards", Recipe(.keep), 60_000),
    ]
    for (name, recipe, bytes) in jobs {
      let output = try await bench.convert(original, to: name, recipe, maximumFileBytes: bytes)
      let config = try JSONValue(parsing: Workbench.bytes(output + "/config.json"))
      for (key, value) in entries { #expect(config[key] == value, "\(name): \(key)") }
    }
    let error = await #expect(throws: FileError.self) { try await bench.convert(original, to: "m.gguf") }
    #expect(error?.path == original + "/config.json")
    #expect(error?.subject != nil)
  }

  /// Keys and tensors of a GGUF that becomes a GGUF stay, bit for bit.
  @Test(arguments: ["spiral", "linear"])
  func aGGUFOfAnyKindBecomesAGGUF(_ kind: String) async throws {
    let bench = try Workbench()
    let entries: [String: JSONValue] = [
      "rope_scaling": [
        "type": "longrope", "short_factor": Self.divisors, "long_factor": Self.divisors, "attention_factor": 1.5,
      ]
    ]
    let first = try await bench.convert(try bench.write(Self.checkpoint(entries)), to: "m.gguf")
    let strange = try await bench.convert(first, to: "strange.gguf", Self.setting("llama.rope.scaling.type", kind))
    let copy = try await bench.convert(strange, to: "copy.gguf", Recipe(.elements(try TargetType.quantizing("f16"))))
    let source = try GGUFSource(path: copy)
    #expect(source.metadata["llama.rope.scaling.type"] == .string(kind))
    #expect(source.metadata["llama.rope.scaling.attn_factor"] == .float32(1.5))
    #expect(try source.bytes(of: "rope_freqs.weight") == GGUFSource(path: first).bytes(of: "rope_freqs.weight"))
    guard kind == "spiral" else { return }
    let error = await #expect(throws: FileError.self) { try await bench.convert(copy, to: "back") }
    #expect(error?.subject == "llama.rope.scaling.type")
  }

  private static func setting(_ key: String, _ value: String) -> Recipe {
    var recipe = Recipe(.keep)
    recipe.metadata = [MetadataOverride(key: key, value: .string(value))]
    return recipe
  }
}
