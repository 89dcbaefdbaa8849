public import Bytes
public import Tensors

// The hyperparameters in a GGUF's metadata, keys as llama.cpp's converter writes them.
extension LlamaFamily {
  public func configuration(
    fromMetadata value: @escaping (String) -> MetadataValue?, tensors: [TensorDescriptor],
    values: (String) throws(FileError) -> [Float]?, path: String
  ) throws(FileError) -> LlamaConfiguration {
    let reader = MetadataReader(value: value, path: path)
    let hiddenSize = try reader.count("llama.embedding_length")
    let headCount = try reader.count("llama.attention.head_count", limit: Self.mostHeads)
    let keyValueHeadCount = try reader.count("llama.attention.head_count_kv", default: headCount, limit: Self.mostHeads)
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
    if try reader.optionalCount("llama.expert_count") != nil {
      throw FileError(
        .unsupported, path: path, subject: "llama.expert_count", "mixtures of experts are not supported")
    }
    let names = Set(tensors.map(\.name))
    guard let embedding = tensors.first(where: { $0.name == "token_embd.weight" }), embedding.shape.count == 2 else {
      throw FileError.noSuchTensor("token_embd.weight", in: path)
    }
    let slidingWindow = try reader.optionalCount("llama.attention.sliding_window")
    let contextLength = try reader.count("llama.context_length")
    return LlamaConfiguration(
      className: slidingWindow == nil ? LlamaConfiguration.llama : LlamaConfiguration.mistral,
      hiddenSize: hiddenSize,
      intermediateSize: try reader.count("llama.feed_forward_length"),
      layerCount: try reader.count("llama.block_count", limit: 10_000),
      headCount: headCount,
      keyValueHeadCount: keyValueHeadCount,
      headDimension: headDimension,
      vocabularySize: embedding.shape[0],
      contextLength: contextLength,
      normEpsilon: try reader.positive("llama.attention.layer_norm_rms_epsilon"),
      rope: rope(
        reader, tensors: tensors, values: values, headDimension: headDimension, contextLength: contextLength),
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

  public func metadata(
    for configuration: LlamaConfiguration, path: String
  ) throws(FileError) -> [(key: String, value: MetadataValue)] {
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
    result += try GGUFRoPE(of: configuration, path: path).metadata
    if let window = configuration.slidingWindow { add("attention.sliding_window", window) }
    return result
  }
}
