internal import Bytes
internal import Tensors

/// How a GGUF says what RoPE does, so that llama.cpp turns heads as transformers does.
struct GGUFRoPE {
  static let divisorsName = "rope_freqs.weight"
  static let longDivisorsName = "rope_factors_long.weight"
  static let shortDivisorsName = "rope_factors_short.weight"
  static let tensorNames = [divisorsName, longDivisorsName, shortDivisorsName]

  private let architecture: String
  var metadata: [(key: String, value: MetadataValue)] = []
  var tensors: [(name: String, values: [Float])] = []

  /// - Throws: `FileError` for RoPE that is not understood, or that llama.cpp has none of.
  /// - Parameters:
  ///   - saidKeys: settings that config.json says, of those that llama.cpp's converter writes only then.
  ///   - hasTensors: whether llama.cpp takes factors of this architecture from tensors.
  init(
    of rope: RotaryEmbedding, dimension: Int, architecture: String, saidKeys: [String] = [], hasTensors: Bool = true,
    path: String
  ) throws(FileError) {
    self.architecture = architecture
    try rope.checkUnderstood()
    // By what llama.cpp multiplies cosines and sines unasked.
    var usualAttentionFactor: Float = 1
    switch rope.scaling {
    case .none, .notUnderstood:
      break
    case .linear(let factor):
      add("type", .string("linear"))
      add("factor", .float32(factor))
    case .yarn(let yarn) where yarn.isLlamaCppsOwn(theta: rope.theta, dimension: dimension):
      add("type", .string("yarn"))
      add("factor", .float32(yarn.factor))
      add("original_context_length", .uint32(UInt32(clamping: yarn.originalContextLength)))
      usualAttentionFactor = yarn.usualAttentionFactor
      if saidKeys.contains("attention_factor") { add("yarn_attn_factor", .float32(rope.attentionFactor)) }
      if saidKeys.contains("beta_fast") { add("yarn_beta_fast", .float32(yarn.betaFast)) }
      if saidKeys.contains("beta_slow") { add("yarn_beta_slow", .float32(yarn.betaSlow)) }
    case .longRope(let longRope) where longRope.shortDivisors != longRope.longDivisors:
      add("type", .string("longrope"))
      add("original_context_length", .uint32(UInt32(clamping: longRope.originalContextLength)))
      tensors = [
        (Self.longDivisorsName, longRope.longDivisors), (Self.shortDivisorsName, longRope.shortDivisors),
      ]
    case .llama3, .proportional, .divisors, .yarn, .longRope:
      // Whatever the length of the text: a divisor for each pair says it all.
      tensors = [(Self.divisorsName, rope.frequencyDivisors(dimension: dimension, length: 1))]
    case .dynamic:
      throw FileError(
        .unsupported, path: path, subject: "rope_type",
        "RoPE of the kind dynamic changes with the length of the text, for which a GGUF has no words; keep such a model "
          + "in safetensors")
    }
    guard hasTensors || tensors.isEmpty else {
      throw FileError(
        .unsupported, path: path, subject: "rope_scaling",
        "llama.cpp has no words for such RoPE in the architecture \(architecture), so that a GGUF would not compute the "
          + "same; keep such a model in safetensors")
    }
    let attentionFactor = rope.attentionFactor / usualAttentionFactor
    if abs(attentionFactor - 1) > 1e-6 { add("attn_factor", .float32(attentionFactor)) }
  }

  private mutating func add(_ key: String, _ value: MetadataValue) {
    metadata.append(("\(architecture).rope.scaling.\(key)", value))
  }
}
