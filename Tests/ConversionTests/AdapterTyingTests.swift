import Architectures
import Bytes
import Conversion
import Foundation
import JSON
import Tensors
import TestSupport
import Testing

/// Adapters that reach the embedding and the head of a tied model, or a head that OLoRA began from: what lies under the
/// factors, and when the two stay one. `AdapterLogitsTests` holds the same cases against what PEFT computes.
@Suite struct AdapterTyingTests {
  private static let embedding = "model.embed_tokens.weight"
  private static let head = "lm_head.weight"
  private static let prefix = "base_model.model."

  private func merged(_ names: String..., base: String = "base-tied") throws -> Checkpoint {
    var checkpoint = try Checkpoint(path: AdapterCase.path(base))
    for name in names { checkpoint = try checkpoint.adding(Adapter(path: AdapterCase.path(name))) }
    return checkpoint
  }

  private func values(_ name: String, of checkpoint: Checkpoint) throws -> [Float] {
    try #require(try checkpoint.tensor(named: name)).values()
  }

  /// A tensor of a case's adapter.
  private func stored(_ name: String, of adapter: String) throws -> [Float] {
    let tensors = try Adapter(path: AdapterCase.path(adapter)).tensors
    return try #require(tensors.first { $0.name == Self.prefix + name }).values()
  }

  /// What the factors of a case's head add to it.
  private func headChange(of adapter: String, scale: Float) throws -> [Float] {
    let down = try stored("lm_head.lora_A.weight", of: adapter)
    let up = try stored("lm_head.lora_B.weight", of: adapter)
    let columns = 16
    let rank = down.count / columns
    return (0..<up.count / rank * columns).map { element in
      let (row, column) = (element / columns, element % columns)
      return scale * (0..<rank).reduce(0) { $0 + up[row * rank + $1] * down[$1 * columns + column] }
    }
  }

  private func expectEqual(_ found: [Float], _ expected: [Float], sourceLocation: SourceLocation = #_sourceLocation) {
    let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
    #expect(found.count == expected.count && worst <= 1e-5, "\(worst)", sourceLocation: sourceLocation)
  }

  // MARK: - Tied or apart

  /// `ensure_weight_tying` makes PEFT store the head's factors too, which are loaded as they are.
  @Test(
    arguments: [
      ("tied-ensured-lora", true), ("tied-ensured-saved", true), ("tied-ensured-orthogonal", false),
      ("tied-ensured-dora", false), ("tied-ensured-alpha-head", false), ("tied-ensured-alpha-embedding", false),
      ("tied-ensured-rank", false), ("tied-ensured-olora", false),
    ])
  func theHeadStaysTheEmbeddingWhereBothComeOutTheSame(_ name: String, _ isTied: Bool) throws {
    #expect(try merged(name).model?.tiesHead == isTied)
  }

  /// The scale is that of the head's own alpha and rank; its factors may have the embedding's rank.
  @Test(
    arguments: [
      ("tied-ensured-orthogonal", 1.5), ("tied-ensured-alpha-head", 3.5), ("tied-ensured-alpha-embedding", 1.5),
      ("tied-ensured-rank", 1.5), ("tied-ensured-olora", 1.5), ("tied-olora-head", 1.5),
    ] as [(String, Float)])
  func theHeadIsMadeOfItsOwnTensors(_ name: String, _ scale: Float) throws {
    let base = try stored("lm_head.base_layer.weight", of: name)
    let change = try headChange(of: name, scale: scale)
    expectEqual(try values(Self.head, of: merged(name)), zip(base, change).map(+))
  }

  // MARK: - What lies under the factors

  /// What OLoRA leaves of a head is taken from the adapter, which PEFT stored it in, and nothing is taken out again.
  @Test(arguments: [("olora-head", "base-untied"), ("tied-olora-head", "base-tied")])
  func aStoredBaseIsWhatOLoRALeft(_ name: String, _ base: String) throws {
    let checkpoint = try merged(name, base: base)
    let left = try stored("lm_head.base_layer.weight", of: name)
    expectEqual(
      try values(Self.head, of: checkpoint), zip(left, try headChange(of: name, scale: 1.5)).map(+))
    let untouched = try values(Self.embedding, of: merged(base: base))
    expectEqual(try values(Self.embedding, of: checkpoint), base == "base-tied" ? left : untouched)
  }

  /// Tokens of the embedding are the tied head's too, and the head's factors are added to them. What OLoRA takes out of
  /// such a head it takes out of the one parameter that both are.
  @Test(arguments: ["tied-tokens-head-lora", "tied-olora-head-tokens"])
  func tokensLieUnderTheFactorsOfATiedHead(_ name: String) throws {
    let checkpoint = try merged(name)
    let embedding = try values(Self.embedding, of: checkpoint)
    let tokens = try stored("model.embed_tokens.token_adapter.trainable_tokens_delta", of: name)
    for (place, row) in [7, 3].enumerated() {
      #expect(embedding[row * 16..<row * 16 + 16] == tokens[place * 16..<place * 16 + 16])
    }
    let changed = try values(Self.embedding, of: merged())[..<16] != embedding[..<16]
    #expect(changed == name.contains("olora"))
    expectEqual(
      try values(Self.head, of: checkpoint), zip(embedding, try headChange(of: name, scale: 1.5)).map(+))
  }

  // MARK: - Refusals

  struct Spoilt: CustomTestStringConvertible {
    let testDescription: String
    let adapter: String
    let subject: String
    let part: String
    let change: @Sendable (inout TinyAdapter) -> Void

    init(
      _ name: String, _ adapter: String, _ subject: String, _ part: String,
      _ change: @escaping @Sendable (inout TinyAdapter) -> Void
    ) {
      (testDescription, self.adapter, self.subject, self.part, self.change) = (name, adapter, subject, part, change)
    }
  }

  /// Sets all of a tensor to another value.
  private static func spoil(_ name: String, in adapter: inout TinyAdapter) {
    for index in adapter.tensors.indices where adapter.tensors[index].name == prefix + name {
      let shape = adapter.tensors[index].shape
      adapter.tensors[index] = RawTensor(
        prefix + name, shape: shape, values: Array(repeating: 0.5, count: shape.reduce(1, *)))
    }
  }

  private static let spoilt = [
    Spoilt("no factors for a head that follows", "tied-ensured-lora", "ensure_weight_tying", "only one of them") {
      $0.tensors.removeAll { $0.name.contains("lm_head.lora") || $0.name.contains("lm_head.base") }
    },
    Spoilt("factors for the head alone", "tied-ensured-lora", "ensure_weight_tying", "only one of them") {
      $0.tensors.removeAll { $0.name.contains("embed_tokens") }
    },
    Spoilt("a head that follows, with other values", "tied-ensured-saved", prefix + head, "other values") {
      spoil(head, in: &$0)
    },
    Spoilt("two bases", "tied-both-lora", prefix + "model.embed_tokens.base_layer.weight", "so does") {
      spoil("lm_head.base_layer.weight", in: &$0)
    },
    Spoilt("DoRA on rows of tokens", "tied-tokens-head-lora", prefix + "lm_head.lora_magnitude_vector", "not compute") {
      $0.tensors.removeAll { $0.name.contains("q_proj") }
      $0.tensors.append(
        RawTensor(prefix + "lm_head.lora_magnitude_vector", shape: [12], values: Array(repeating: 1, count: 12)))
      $0.config["use_dora"] = true
    },
  ]

  @Test(arguments: spoilt)
  func isRefused(_ wrong: Spoilt) throws {
    let bench = try Workbench()
    let path = AdapterCase.path(wrong.adapter)
    let config = try JSONValue(
      parsing: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + "/adapter_config.json"))))
    let tensors = try Adapter(path: path).tensors
    try TinyAdapter {
      $0.config = config.object ?? [:]
      $0.tensors = (try? tensors.map { RawTensor($0.name, shape: $0.shape, values: try $0.values()) }) ?? []
      wrong.change(&$0)
    }.write(to: bench.path("adapter"))
    let error = #expect(throws: FileError.self) {
      try Checkpoint(path: AdapterCase.path("base-tied")).adding(Adapter(path: bench.path("adapter")))
    }
    #expect(error?.subject == wrong.subject, "\(error?.description ?? "")")
    #expect(error?.message.contains(wrong.part) == true, "\(error?.description ?? "")")
  }

  /// What one adapter replaces, and another has built on.
  @Test(
    arguments: [
      ("tied-head-lora", "tied-tokens", "which an adapter before it has changed"),
      ("tied-embedding-lora", "tied-tokens", "which an adapter before it has changed"),
      ("tied-olora-head-tokens", "tied-head-lora", "merge that adapter after this one"),
      ("tied-olora-head", "tied-head-lora", "only one of them can be merged"),
    ])
  func twoAdaptersDoNotReplaceEachOthersBase(_ first: String, _ second: String, _ part: String) throws {
    let error = #expect(throws: FileError.self) { try merged(first, second) }
    #expect(error?.message.contains(part) == true, "\(error?.description ?? "")")
  }
}
