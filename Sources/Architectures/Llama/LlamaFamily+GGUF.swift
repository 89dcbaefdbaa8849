public import Bytes
public import Tensors

// The hyperparameters in a GGUF's metadata, keys as llama.cpp's converter writes them.
extension LlamaFamily {
  public func configuration(
    fromMetadata value: @escaping (String) -> MetadataValue?, tensors: [TensorDescriptor], ropeDivisors: [Float]?,
    path: String
  ) throws(FileError) -> LlamaConfiguration {
    let reader = MetadataReader(value: value, path: path)
    let hiddenSize = try reader.count("llama.embedding_length")
    let headCount = try reader.count("llama.attention.head_count")
    let keyValueHeadCount = try reader.count("llama.attention.head_count_kv", default: headCount)
    guard headCount % keyValueHeadCount == 0 else {
      throw reader.malformed("llama.attention.head_count_kv", "does not divide the \(headCount) attention heads")
    }
    let headDimension = try reader.count(
      "llama.attention.key_length",
      default: try reader.count("llama.rope.dimension_count", default: hiddenSize / headCount))
    guard headDimension % 2 == 0 else {
      throw reader.malformed(
        "llama.attention.key_length", "a head of \(headDimension) elements cannot be rotated in pairs")
    }
    let rotated = try reader.count("llama.rope.dimension_count", default: headDimension)
    if rotated != headDimension {
      throw FileError(
        .unsupported, path: path, subject: "llama.rope.dimension_count",
        "rotating \(rotated) of the \(headDimension) elements of each head is not supported")
    }
    if try reader.optionalCount("llama.expert_count") != nil {
      throw FileError(
        .unsupported, path: path, subject: "llama.expert_count", "mixtures of experts are not supported")
    }
    let names = Set(tensors.map(\.name))
    guard let embedding = tensors.first(where: { $0.name == "token_embd.weight" }), embedding.shape.count == 2 else {
      throw FileError.noSuchTensor("token_embd.weight", in: path)
    }
    let slidingWindow = try reader.optionalCount("llama.attention.sliding_window")
    return LlamaConfiguration(
      className: slidingWindow == nil ? LlamaConfiguration.llama : LlamaConfiguration.mistral,
      hiddenSize: hiddenSize,
      intermediateSize: try reader.count("llama.feed_forward_length"),
      layerCount: try reader.count("llama.block_count", limit: 10_000),
      headCount: headCount,
      keyValueHeadCount: keyValueHeadCount,
      headDimension: headDimension,
      vocabularySize: embedding.shape[0],
      contextLength: try reader.count("llama.context_length"),
      normEpsilon: try reader.positive("llama.attention.layer_norm_rms_epsilon"),
      rope: RotaryEmbedding(
        theta: try reader.positive("llama.rope.freq_base", default: 10_000),
        scaling: try scaling(reader, ropeDivisors: ropeDivisors, headDimension: headDimension)),
      slidingWindow: slidingWindow,
      tiesEmbeddings: !names.contains("output.weight"),
      hasAttentionBias: Self.hasBiases(.attention, in: names),
      hasFeedForwardBias: Self.hasBiases(.feedForward, in: names))
  }

  /// Whether any layer has a bias of that kind: llama.cpp applies those that are there.
  private static func hasBiases(_ biases: Biases, in names: Set<String>) -> Bool {
    let endings = blockModules.filter { $0.biases == biases }.map { ".\($0.gguf).bias" }
    return names.contains { name in name.hasSuffix(".bias") && endings.contains { name.hasSuffix($0) } }
  }

  private func scaling(_ reader: MetadataReader, ropeDivisors: [Float]?, headDimension: Int) throws(FileError)
    -> RotaryEmbedding.Scaling
  {
    if let ropeDivisors {
      let theta = try reader.positive("llama.rope.freq_base", default: 10_000)
      guard ropeDivisors.count == headDimension / 2, ropeDivisors.allSatisfy({ $0.isFinite && $0 > 0 }) else {
        throw FileError(
          .malformed, path: reader.path, subject: Self.ropeFactorsName,
          "should be \(headDimension / 2) positive numbers, one for each pair of elements of a head")
      }
      return RotaryEmbedding.Scaling(divisors: ropeDivisors, theta: theta)
    }
    switch try reader.text("llama.rope.scaling.type") ?? "none" {
    case "none":
      return .none
    case "linear":
      return .linear(factor: try reader.positive("llama.rope.scaling.factor"))
    case let other:
      throw FileError(
        .unsupported, path: reader.path, subject: "llama.rope.scaling.type",
        "RoPE scaling \"\(other)\" is not supported; linear and the factors of Llama 3 are")
    }
  }

  public func metadata(for configuration: LlamaConfiguration) -> [(key: String, value: MetadataValue)] {
    var result: [(key: String, value: MetadataValue)] = []
    func add(_ key: String, _ count: Int) { result.append(("llama." + key, .uint32(UInt32(clamping: count)))) }
    func add(_ key: String, _ number: Float) { result.append(("llama." + key, .float32(number))) }
    add("block_count", configuration.layerCount)
    add("context_length", configuration.contextLength)
    add("embedding_length", configuration.hiddenSize)
    add("feed_forward_length", configuration.intermediateSize)
    add("attention.head_count", configuration.headCount)
    add("attention.head_count_kv", configuration.keyValueHeadCount)
    add("rope.freq_base", configuration.rope.theta)
    add("attention.layer_norm_rms_epsilon", configuration.normEpsilon)
    add("attention.key_length", configuration.headDimension)
    add("attention.value_length", configuration.headDimension)
    add("vocab_size", configuration.vocabularySize)
    add("rope.dimension_count", configuration.headDimension)
    if case .linear(let factor) = configuration.rope.scaling {
      result.append(("llama.rope.scaling.type", .string("linear")))
      add("rope.scaling.factor", factor)
    }
    if let window = configuration.slidingWindow { add("attention.sliding_window", window) }
    return result
  }
}

/// Takes checked values out of GGUF metadata; errors name the file and the key.
private struct MetadataReader {
  let value: (String) -> MetadataValue?
  let path: String

  func malformed(_ key: String, _ message: String) -> FileError {
    FileError(.malformed, path: path, subject: key, message)
  }

  /// A whole number from 1 to `limit`. Arrays, a value a layer, are no Llama's.
  func count(_ key: String, default fallback: @autoclosure () throws(FileError) -> Int? = nil, limit: Int = 1 << 31)
    throws(FileError) -> Int
  {
    guard let found = value(key) else {
      guard let fallback = try fallback() else { throw malformed(key, "is missing") }
      return fallback
    }
    guard let count = found.integer, count > 0, count <= limit else {
      throw malformed(key, "is no whole number between 1 and \(limit)")
    }
    return count
  }

  func text(_ key: String) throws(FileError) -> String? {
    guard let found = value(key) else { return nil }
    guard let text = found.string else { throw malformed(key, "is no string") }
    return text
  }

  func optionalCount(_ key: String) throws(FileError) -> Int? {
    // Some converters write 0 for "no window".
    guard let found = value(key), found.integer != 0 else { return nil }
    return try count(key)
  }

  func positive(_ key: String, default fallback: Float? = nil) throws(FileError) -> Float {
    guard let found = value(key) else {
      guard let fallback else { throw malformed(key, "is missing") }
      return fallback
    }
    guard let number = found.float, number.isFinite, number > 0 else {
      throw malformed(key, "is no positive number")
    }
    return number
  }
}
