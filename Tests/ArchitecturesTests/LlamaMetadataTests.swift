import Bytes
import Tensors
import Testing

@testable import Architectures

/// The hyperparameters of a Llama in a GGUF.
@Suite struct LlamaMetadataTests {
  private let family = LlamaFamily()

  private static func settings(
    _ scaling: RotaryEmbedding.Scaling = .none, attentionFactor: Float = 1, window: Int? = nil, isTied: Bool = false,
    biases: Bool = false
  ) -> LlamaSettings {
    LlamaSettings(
      className: window == nil ? "LlamaForCausalLM" : "MistralForCausalLM", hiddenSize: 64, intermediateSize: 172,
      layerCount: 2, headCount: 8, keyValueHeadCount: 4, headDimension: 16, vocabularySize: 512, contextLength: 4096,
      normEpsilon: 1e-5, rope: RotaryEmbedding(theta: 5e5, scaling: scaling, attentionFactor: attentionFactor),
      slidingWindow: window,
      tiesEmbeddings: isTied, hasAttentionBias: biases, hasFeedForwardBias: biases)
  }

  private func metadata(_ settings: LlamaSettings = settings()) throws -> [String: MetadataValue] {
    Dictionary(uniqueKeysWithValues: try settings.model().metadata(path: "m").map { ($0.key, $0.value) })
  }

  /// Tensors that say what no key does: size of the vocabulary, tied head, biases.
  private func tensors(of settings: LlamaSettings) throws -> [TensorDescriptor] {
    var shapes = [("token_embd.weight", [settings.vocabularySize, settings.hiddenSize])]
    if !settings.tiesEmbeddings { shapes.append(("output.weight", shapes[0].1)) }
    if settings.hasAttentionBias { shapes.append(("blk.0.attn_q.bias", [128])) }
    if settings.hasFeedForwardBias { shapes.append(("blk.0.ffn_up.bias", [172])) }
    return try shapes.map { try TensorDescriptor(name: $0.0, encoding: .f32, shape: $0.1) }
  }

  private func read(
    _ metadata: [String: MetadataValue], values: [String: [Float]] = [:],
    like settings: LlamaSettings = settings()
  ) throws -> LlamaSettings {
    let own = try values.map { try TensorDescriptor(name: $0.key, encoding: .f32, shape: [$0.value.count]) }
    return try LlamaSettings(
      try family.model(
        fromMetadata: { metadata[$0] }, tensors: try tensors(of: settings) + own, values: { values[$0] },
        path: "m.gguf"))
  }

  @Test(arguments: [
    settings(), settings(.linear(factor: 2.5)), settings(window: 128), settings(isTied: true),
    settings(biases: true),
  ])
  func whatIsWrittenIsReadBack(_ settings: LlamaSettings) throws {
    #expect(try read(try metadata(settings), like: settings) == settings)
  }

  @Test func keysAreThoseOfLlamaCppsConverter() throws {
    #expect(
      try Self.settings().model().metadata(path: "m").map(\.key) == [
        "llama.block_count", "llama.context_length", "llama.embedding_length", "llama.feed_forward_length",
        "llama.attention.head_count", "llama.attention.head_count_kv", "llama.rope.freq_base",
        "llama.attention.layer_norm_rms_epsilon", "llama.attention.key_length", "llama.attention.value_length",
        "llama.vocab_size", "llama.rope.dimension_count",
      ])
    #expect(try metadata()["llama.block_count"] == .uint32(2))
    #expect(try metadata()["llama.rope.freq_base"] == .float32(5e5))
  }

  /// The file holds only the divisors: Llama 3's usual settings are known by them, others stay divisors.
  @Test(arguments: [(8192, true), (3000, false)])
  func llama3IsKnownByItsDivisors(_ originalContextLength: Int, _ isUsual: Bool) throws {
    let scaling = RotaryEmbedding.Scaling.llama3(
      factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: originalContextLength)
    let settings = Self.settings(scaling)
    let divisors = settings.rope.frequencyDivisors(dimension: 16, length: 1)
    let back = try read(try metadata(settings), values: ["rope_freqs.weight": divisors])
    #expect(back.rope.scaling == (isUsual ? scaling : .divisors(divisors)))
    #expect(back.rope.agrees(with: settings.rope, dimension: 16))
  }

  @Test func oldFilesLackKeys() throws {
    var old = try metadata()
    for key in [
      "llama.attention.head_count_kv", "llama.rope.freq_base", "llama.attention.key_length",
      "llama.attention.value_length", "llama.vocab_size", "llama.rope.dimension_count",
    ] { old[key] = nil }
    let read = try read(old)
    #expect(read.keyValueHeadCount == 8)
    #expect(read.rope.theta == 10_000)
    #expect(read.headDimension == 8)
  }

  private static let refusals: [(key: String, value: MetadataValue?)] = [
    ("llama.block_count", nil), ("llama.block_count", .string("2")), ("llama.block_count", .int32(-1)),
    ("llama.block_count", .uint64(.max)), ("llama.block_count", .uint32(1_000_000)), ("llama.context_length", nil),
    ("llama.embedding_length", .uint32(0)), ("llama.feed_forward_length", .uint32s([172, 172])),
    ("llama.attention.head_count", nil), ("llama.attention.head_count_kv", .uint32(3)),
    ("llama.attention.key_length", .uint32(15)), ("llama.attention.layer_norm_rms_epsilon", nil),
    ("llama.attention.layer_norm_rms_epsilon", .float32(.nan)),
    ("llama.attention.layer_norm_rms_epsilon", .float32(-1)),
    ("llama.expert_count", .uint32(8)), ("llama.attention.sliding_window", .string("128")),
  ]

  @Test(arguments: refusals)
  func refusesAndNamesTheKey(_ refusal: (key: String, value: MetadataValue?)) throws {
    var changed = try metadata()
    changed[refusal.key] = refusal.value
    let error = #expect(throws: FileError.self) { try read(changed) }
    #expect(error?.subject == refusal.key)
  }

  // MARK: - RoPE

  /// What is wrong with RoPE is told when it is needed: a file that becomes a file of its kind keeps it as it stands.
  @Test(
    arguments: [
      ("freq_base", .float32(.infinity)), ("freq_base", .string("1e4")), ("dimension_count", .uint32(8)),
      ("dimension_count", .string("16")), ("scaling.type", .string("su")), ("scaling.type", .uint32(1)),
      ("scaling.factor", .float32(-2)), ("scaling.factor", .string("2")), ("scaling.attn_factor", .float32(0)),
      ("scaling.original_context_length", .string("8")), ("scale_linear", .float32(.nan)),
    ] as [(String, MetadataValue)])
  func whatIsNotUnderstoodOfRoPEIsKept(_ key: String, _ value: MetadataValue) throws {
    var changed = try metadata()
    changed["llama.rope." + key] = value
    let settings = try read(changed)
    let error = #expect(throws: FileError.self) { try settings.rope.checkUnderstood() }
    #expect(error?.subject == "llama.rope." + key)
  }

  private static let yarn = RotaryEmbedding.Scaling.yarn(YarnScaling(factor: 4, originalContextLength: 1024))
  private static let lists = LongRopeScaling(
    shortDivisors: [1, 1, 1, 1, 1, 1, 1, 2], longDivisors: [1, 2, 3, 4, 5, 6, 7, 8], originalContextLength: 1024)

  /// Each kind as llama.cpp's loader takes it, and back. By `0.1 ln(4) + 1` yarn multiplies unasked.
  @Test(
    arguments: [
      (settings(), [:], []),
      (settings(.linear(factor: 2)), ["type": .string("linear"), "factor": .float32(2)], []),
      (
        settings(yarn, attentionFactor: 1.1386294),
        ["type": .string("yarn"), "factor": .float32(4), "original_context_length": .uint32(1024)], []
      ),
      (
        settings(yarn, attentionFactor: 0.5 * 1.1386294),
        [
          "type": .string("yarn"), "factor": .float32(4), "original_context_length": .uint32(1024),
          "attn_factor": .float32(0.5),
        ], []
      ),
      (
        settings(.longRope(lists), attentionFactor: 1.25),
        ["type": .string("longrope"), "original_context_length": .uint32(1024), "attn_factor": .float32(1.25)],
        ["rope_factors_long.weight", "rope_factors_short.weight"]
      ),
      // llama.cpp's yarn knows neither of these: the divisors say it.
      (
        settings(
          .yarn(YarnScaling(factor: 4, originalContextLength: 1024, betaFast: 8)), attentionFactor: 1.25),
        ["attn_factor": .float32(1.25)], ["rope_freqs.weight"]
      ),
      (
        settings(.yarn(YarnScaling(factor: 4, originalContextLength: 1024, truncates: false))), [:],
        ["rope_freqs.weight"]
      ),
      (settings(.proportional(factor: 2, share: 0.3)), [:], ["rope_freqs.weight"]),
      (settings(.divisors([1, 2, 3, 4, 5, 6, 7, 8])), [:], ["rope_freqs.weight"]),
    ] as [(LlamaSettings, [String: MetadataValue], [String])])
  func ropeAsLlamaCppTakesIt(
    _ settings: LlamaSettings, _ keys: [String: MetadataValue], _ names: [String]
  ) throws {
    let metadata = try metadata(settings)
    let prefix = "llama.rope.scaling."
    let written = metadata.filter { $0.key.hasPrefix(prefix) }
    #expect(written == Dictionary(uniqueKeysWithValues: keys.map { (prefix + $0.key, $0.value) }))
    var values: [String: [Float]] = [:]
    for tensor in try settings.model().configurationTensors(path: "m") {
      guard case .made(let transform as Constant, []) = tensor.derivation else { continue }
      values[tensor.name] = transform.values
    }
    #expect(values.keys.sorted() == names)
    let back = try read(metadata, values: values)
    #expect(back.rope.agrees(with: settings.rope, dimension: 16))
  }

  @Test func dynamicRoPEHasNoWordsInAGGUF() {
    let settings = Self.settings(.dynamic(factor: 2, contextLength: 4096))
    for error in [
      #expect(throws: FileError.self) { try settings.model().metadata(path: "m") },
      #expect(throws: FileError.self) { try settings.model().configurationTensors(path: "m") },
    ] {
      #expect(error?.code == .unsupported && error?.path == "m")
      #expect(error?.message.hasPrefix("RoPE of the kind dynamic changes with the length of the text") == true)
    }
  }

  /// Files of other programs, and of earlier times: what llama.cpp's loader makes of them.
  @Test(
    arguments: [
      (["scaling.factor": .float32(2)], [], .linear(factor: 2), 1),
      (["scale_linear": .float32(2)], [], .linear(factor: 2), 1),
      (["scaling.factor": .float32(0)], [], .none, 1),
      (["scaling.type": .string("none"), "scaling.factor": .float32(2)], [], .none, 1),
      (["scaling.type": .string("linear"), "scaling.attn_factor": .float32(0.5)], [], .none, 0.5),
      (
        ["scaling.factor": .float32(2)], [1, 2, 3, 4, 5, 6, 7, 8], .divisors([2, 4, 6, 8, 10, 12, 14, 16]), 1
      ),
      // Betas are not among the keys that are read for this architecture, nor is what the converter writes here.
      (
        [
          "scaling.type": .string("yarn"), "scaling.factor": .float32(4), "scaling.yarn_beta_fast": .float32(8),
          "scaling.yarn_attn_factor": .float32(7),
        ], [], .yarn(YarnScaling(factor: 4, originalContextLength: 4096)), 1.1386294
      ),
      (
        ["scaling.type": .string("longrope")], [],
        .longRope(
          LongRopeScaling(
            shortDivisors: .init(repeating: 1, count: 8), longDivisors: .init(repeating: 1, count: 8),
            originalContextLength: 4096)), 1
      ),
    ] as [([String: MetadataValue], [Float], RotaryEmbedding.Scaling, Float)])
  func ropeOfForeignFiles(
    _ keys: [String: MetadataValue], _ divisors: [Float], _ scaling: RotaryEmbedding.Scaling, _ attentionFactor: Float
  ) throws {
    let changed = try metadata().merging(keys.map { ("llama.rope." + $0.key, $0.value) }) { _, new in new }
    let rope = try read(changed, values: divisors.isEmpty ? [:] : ["rope_freqs.weight": divisors]).rope
    #expect(rope == RotaryEmbedding(theta: 5e5, scaling: scaling, attentionFactor: attentionFactor))
  }

  @Test(arguments: [[1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 1, .nan], []] as [[Float]])
  func divisorsThatFitNoHeadAreNotUnderstood(_ divisors: [Float]) throws {
    let rope = try read(try metadata(), values: ["rope_freqs.weight": divisors]).rope
    let error = #expect(throws: FileError.self) { try rope.checkUnderstood() }
    #expect(error?.subject == "rope_freqs.weight")
  }

  @Test func refusesAFileWithoutEmbedding() {
    let error = #expect(throws: FileError.self) {
      let metadata = try metadata()
      return try family.model(
        fromMetadata: { metadata[$0] }, tensors: [], values: { _ in nil }, path: "m.gguf")
    }
    #expect(error?.subject == "token_embd.weight")
  }
}
