import Architectures
import Bytes
import Tensors
import Testing

/// The hyperparameters of a Llama in a GGUF.
@Suite struct LlamaMetadataTests {
  private let family = LlamaFamily()

  private static func configuration(
    _ scaling: RotaryEmbedding.Scaling = .none, window: Int? = nil, isTied: Bool = false, biases: Bool = false
  ) -> LlamaConfiguration {
    LlamaConfiguration(
      className: window == nil ? "LlamaForCausalLM" : "MistralForCausalLM", hiddenSize: 64, intermediateSize: 172,
      layerCount: 2, headCount: 8, keyValueHeadCount: 4, headDimension: 16, vocabularySize: 512, contextLength: 4096,
      normEpsilon: 1e-5, rope: RotaryEmbedding(theta: 5e5, scaling: scaling), slidingWindow: window,
      tiesEmbeddings: isTied, hasAttentionBias: biases, hasFeedForwardBias: biases)
  }

  private func metadata(_ configuration: LlamaConfiguration = configuration()) -> [String: MetadataValue] {
    Dictionary(uniqueKeysWithValues: family.metadata(for: configuration).map { ($0.key, $0.value) })
  }

  /// Tensors that say what no key does: size of the vocabulary, tied head, biases.
  private func tensors(of configuration: LlamaConfiguration) throws -> [TensorDescriptor] {
    var shapes = [("token_embd.weight", [configuration.vocabularySize, configuration.hiddenSize])]
    if !configuration.tiesEmbeddings { shapes.append(("output.weight", shapes[0].1)) }
    if configuration.hasAttentionBias { shapes.append(("blk.0.attn_q.bias", [128])) }
    if configuration.hasFeedForwardBias { shapes.append(("blk.0.ffn_up.bias", [172])) }
    return try shapes.map { try TensorDescriptor(name: $0.0, encoding: .f32, shape: $0.1) }
  }

  private func read(
    _ metadata: [String: MetadataValue], divisors: [Float]? = nil,
    like configuration: LlamaConfiguration = configuration()
  ) throws -> LlamaConfiguration {
    try family.configuration(
      fromMetadata: { metadata[$0] }, tensors: try tensors(of: configuration), ropeDivisors: divisors, path: "m.gguf")
  }

  @Test(arguments: [
    configuration(), configuration(.linear(factor: 2.5)), configuration(window: 128), configuration(isTied: true),
    configuration(biases: true),
  ])
  func whatIsWrittenIsReadBack(_ configuration: LlamaConfiguration) throws {
    #expect(try read(metadata(configuration), like: configuration) == configuration)
  }

  @Test func keysAreThoseOfLlamaCppsConverter() {
    #expect(
      family.metadata(for: Self.configuration()).map(\.key) == [
        "llama.block_count", "llama.context_length", "llama.embedding_length", "llama.feed_forward_length",
        "llama.attention.head_count", "llama.attention.head_count_kv", "llama.rope.freq_base",
        "llama.attention.layer_norm_rms_epsilon", "llama.attention.key_length", "llama.attention.value_length",
        "llama.vocab_size", "llama.rope.dimension_count",
      ])
    #expect(metadata()["llama.block_count"] == .uint32(2))
    #expect(metadata()["llama.rope.freq_base"] == .float32(5e5))
  }

  /// The file holds only the divisors: Llama 3's usual settings are known by them, others stay divisors.
  @Test(arguments: [(8192, true), (3000, false)])
  func llama3IsKnownByItsDivisors(_ originalContextLength: Int, _ isUsual: Bool) throws {
    let scaling = RotaryEmbedding.Scaling.llama3(
      factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: originalContextLength)
    let configuration = Self.configuration(scaling)
    let divisors = configuration.rope.frequencyDivisors(dimension: 16)
    let back = try read(metadata(configuration), divisors: divisors)
    #expect(back.rope.scaling == (isUsual ? scaling : .divisors(divisors)))
    #expect(back.rope.frequencies(dimension: 16) == configuration.rope.frequencies(dimension: 16))
  }

  @Test func oldFilesLackKeys() throws {
    var old = metadata()
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
    ("llama.rope.freq_base", .float32(.infinity)), ("llama.rope.freq_base", .string("1e4")),
    ("llama.rope.dimension_count", .uint32(8)), ("llama.rope.dimension_count", .string("16")),
    ("llama.rope.scaling.type", .string("yarn")), ("llama.rope.scaling.type", .uint32(1)),
    ("llama.rope.scaling.type", .string("linear")), ("llama.expert_count", .uint32(8)),
    ("llama.attention.sliding_window", .string("128")),
  ]

  @Test(arguments: refusals)
  func refusesAndNamesTheKey(_ refusal: (key: String, value: MetadataValue?)) {
    var changed = metadata()
    changed[refusal.key] = refusal.value
    let error = #expect(throws: FileError.self) { try read(changed) }
    // A factor without which linear scaling means nothing is what is missed.
    let key = refusal.value == .string("linear") ? "llama.rope.scaling.factor" : refusal.key
    #expect(error?.subject == key)
  }

  @Test(arguments: [[1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 1, .nan], []] as [[Float]])
  func refusesDivisorsThatFitNoHead(_ divisors: [Float]) {
    let error = #expect(throws: FileError.self) { try read(metadata(), divisors: divisors) }
    #expect(error?.subject == "rope_freqs.weight")
  }

  @Test func refusesAFileWithoutEmbedding() {
    let error = #expect(throws: FileError.self) {
      try family.configuration(fromMetadata: { metadata()[$0] }, tensors: [], ropeDivisors: nil, path: "m.gguf")
    }
    #expect(error?.subject == "token_embd.weight")
  }
}
