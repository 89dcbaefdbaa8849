import Bytes
import Foundation
import JSON
import TestSupport
import Testing

@testable import Conversion

/// The settings of an adapter are read by an allow-list: what is not known to leave a merge alone is refused by its name.
@Suite struct AdapterSettingTests {
  private static func settings() throws -> [String: JSONValue] {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Golden/lora_settings.json")
    return try #require(try JSONValue(parsing: [UInt8](try Data(contentsOf: path)))["settings"]?.object)
  }

  private func parse(_ settings: [String: JSONValue]) throws {
    _ = try AdapterConfig(parsing: try JSONValue.object(settings).serialized(), path: "adapter_config.json")
  }

  private func refusal(_ key: String, _ value: JSONValue) throws -> FileError? {
    let settings = try Self.settings().merging([key: value]) { _, new in new }
    return #expect(throws: FileError.self) { try parse(settings) }
  }

  @Test func whatPEFTSavesByItselfIsTaken() throws { try parse(try Self.settings()) }

  @Test func everySettingOfPEFTIsKnown() throws {
    let settings = try Self.settings()
    #expect(settings.count > 35)
    for key in settings.keys.sorted() {
      // A value that no setting has: a key that is not known says so.
      var changed = settings
      changed[key] = ["x": 1]
      do {
        try parse(changed)
      } catch let error as FileError {
        #expect(error.message.contains("no setting that is known") == false, "\(key)")
      }
    }
  }

  @Test(
    arguments: [
      ("alora_invocation_tokens", [1, 2]), ("arrow_config", ["top_k": 3]), ("arrow_config", [:]),
      ("enable_lora", [true, false, true]), ("kasa_config", ["beta": 0.1]), ("layer_replication", [[0, 2], [1, 3]]),
      ("megatron_config", ["a": 1]), ("monteclora_config", ["num_samples": 8]),
      ("target_parameters", ["mlp.experts.gate_up_proj"]), ("use_bdlora", ["nblocks": 2]), ("use_qalora", true),
      ("a_new_setting", true), ("a_new_setting", 1), ("a_new_setting", "yes"), ("a_new_setting", ["a": 1]),
      ("init_lora_weights", "pissa"), ("init_lora_weights", "pissa_niter_16"),
      ("init_lora_weights", "corda"), ("init_lora_weights", "loftq"), ("init_lora_weights", "something"),
      ("init_lora_weights", 1), ("modules_to_save", "norm"), ("modules_to_save", [1]),
      ("modules_to_save", .array((0...1024).map { .string("m\($0)") })),
      ("trainable_token_indices", "all"), ("trainable_token_indices", [1, 1]), ("trainable_token_indices", [-1]),
      ("trainable_token_indices", ["embed_tokens": 3]), ("ensure_weight_tying", "yes"),
    ] as [(String, JSONValue)])
  func isRefusedByName(_ key: String, _ value: JSONValue) throws {
    #expect(try refusal(key, value)?.subject == key)
  }

  @Test(
    arguments: [
      ("init_lora_weights", "gaussian"), ("init_lora_weights", "eva"), ("init_lora_weights", "orthogonal"),
      ("init_lora_weights", "lora_ga"), ("init_lora_weights", "OLoRA"), ("init_lora_weights", "mica"),
      ("init_lora_weights", false),
      ("init_lora_weights", .null), ("a_new_setting", false), ("a_new_setting", .null), ("a_new_setting", []),
      ("a_new_setting", [:]), ("velora_config", ["num_groups": 4]), ("eva_config", ["rho": 2.0]),
      ("loftq_config", ["loftq_bits": 4]), ("lora_dropout", 0.5), ("bias", "all"), ("exclude_modules", ["lm_head"]),
      ("alora_invocation_tokens", []), ("task_type", "CAUSAL_LM"), ("trainable_token_indices", ["lm_head": [1, 2]]),
    ] as [(String, JSONValue)])
  func isTaken(_ key: String, _ value: JSONValue) throws {
    try parse(try Self.settings().merging([key: value]) { _, new in new })
  }

  /// The remedy of those that PEFT itself can turn into plain adapters.
  @Test(arguments: ["pissa", "pissa_niter_4", "corda", "loftq"])
  func theRemedyIsNamed(_ kind: String) throws {
    #expect(
      try refusal("init_lora_weights", .string(kind))?.message.contains("path_initial_model_for_weight_conversion")
        == true)
  }

  /// A pattern may name every module, and each module is looked up.
  @Test func manyNamesAreLookedUp() {
    let names = (0..<20_000).map { "layers.\($0 / 100).experts.\($0 % 100).up_proj" }
    let patterns = ModulePatterns(names.enumerated().map { ($0.element, Double($0.offset)) })
    for (place, name) in names.enumerated() { #expect(patterns.value(of: "model." + name) == Double(place)) }
    #expect(patterns.value(of: "model.layers.5.experts.7.down_proj") == nil)
  }

  @Test func theFirstThatMatchesCounts() {
    let patterns = ModulePatterns(
      ["c.q", "a.q", "q", "[kv]_proj", "b.k_proj", "k_proj"].enumerated().map { ($0.element, Double($0.offset)) })
    for (module, value) in [
      ("b.a.q", 1), ("b.aXq", 1), ("b.c.a.q", 1), ("c.q", 0), ("a.c.q", 0), ("d.cXq", 0), ("d.q", 2), ("xq", nil),
      ("b.k_proj", 3), ("v_proj", 3), ("o_proj", nil),
    ] as [(String, Double?)] {
      #expect(patterns.value(of: module) == value, "\(module)")
    }
  }

  @Test func shapesOfNamesAreLimited() throws {
    let names = (0...1024).map { (String(repeating: "a", count: $0 + 1), JSONValue.integer(4)) }
    let pattern = JSONValue.object(Dictionary(uniqueKeysWithValues: names))
    #expect(try refusal("rank_pattern", pattern)?.message.contains("more than 1024 lengths") == true)
  }
}
