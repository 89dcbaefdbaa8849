public import Architectures
public import Bytes
public import Tensors

/// A decoder of the Llama family that runs straight from its encoded weights: they are read and decoded a panel of rows
/// at a time and never held in memory as a whole.
///
/// Numbers are Float; results do not depend on the number of workers.
public struct LlamaModel: LanguageModel {
  public let configuration: LlamaConfiguration
  /// What messages call it: a path.
  public let name: String

  /// `[vocabulary, hidden]`.
  let embedding: any RowSource
  let layers: [LlamaLayer]
  /// `hidden` values.
  let finalNorm: [Float]
  let head: LinearLayer

  public var vocabularySize: Int { configuration.vocabularySize }

  /// Columns of the hidden states.
  public var hiddenSize: Int { configuration.hiddenSize }

  /// Whether the head is a weight of its own, rather than the embedding.
  public var hasOwnHead: Bool { !configuration.tiesEmbeddings }

  /// Finds the weights by their Hugging Face names and checks every shape; reads the norms and biases.
  /// - Parameters:
  ///   - name: what messages call the model: a path.
  ///   - weights: the tensor of a name, nil where there is none.
  /// - Throws: `FileError` when a size makes no sense, a tensor is missing or its shape does not fit; what `weights`
  ///   throws.
  public init(
    configuration: LlamaConfiguration, name: String = "model",
    weights: @escaping (String) throws(FileError) -> (any RowSource)?
  ) throws(FileError) {
    try Self.check(configuration, name: name)
    let loader = LlamaLoader(modelName: name, weights: weights)
    let hidden = configuration.hiddenSize
    let queries = configuration.headCount * configuration.headDimension
    let keys = configuration.keyValueHeadCount * configuration.headDimension
    let inner = configuration.intermediateSize

    let embeddingName = "model.embed_tokens.weight"
    let embedding = try loader.tensor(embeddingName, [configuration.vocabularySize, hidden])
    var layers: [LlamaLayer] = []
    for index in 0..<configuration.layerCount {
      let prefix = "model.layers.\(index)."
      layers.append(
        LlamaLayer(
          attentionNorm: try loader.vector(prefix + "input_layernorm.weight", hidden),
          query: try loader.linear(prefix + "self_attn.q_proj", [queries, hidden]),
          key: try loader.linear(prefix + "self_attn.k_proj", [keys, hidden]),
          value: try loader.linear(prefix + "self_attn.v_proj", [keys, hidden]),
          output: try loader.linear(prefix + "self_attn.o_proj", [hidden, queries]),
          feedForwardNorm: try loader.vector(prefix + "post_attention_layernorm.weight", hidden),
          gate: try loader.linear(prefix + "mlp.gate_proj", [inner, hidden]),
          up: try loader.linear(prefix + "mlp.up_proj", [inner, hidden]),
          down: try loader.linear(prefix + "mlp.down_proj", [hidden, inner])))
    }
    self.configuration = configuration
    self.name = name
    self.embedding = embedding
    self.layers = layers
    self.finalNorm = try loader.vector("model.norm.weight", hidden)
    // As transformers does, a tied model is run with its embedding even where a head is stored beside it.
    if configuration.tiesEmbeddings {
      self.head = LinearLayer(name: embeddingName, weight: embedding, bias: nil)
    } else if let stored = try loader.optionalLinear("lm_head", [configuration.vocabularySize, hidden]) {
      self.head = stored
    } else {
      throw FileError(
        .missing, path: name, subject: "lm_head.weight",
        "there is no such tensor, and the configuration does not say that the embedding is used for it")
    }
  }

  private static func check(_ configuration: LlamaConfiguration, name: String) throws(FileError) {
    let sizes: [(String, Int)] = [
      ("the hidden size", configuration.hiddenSize),
      ("the feed-forward size", configuration.intermediateSize),
      ("the number of layers", configuration.layerCount),
      ("the number of heads", configuration.headCount),
      ("the number of key-value heads", configuration.keyValueHeadCount),
      ("the head dimension", configuration.headDimension),
      ("the vocabulary size", configuration.vocabularySize),
    ]
    for (what, size) in sizes where size < 1 || size > 1 << 24 {
      throw FileError(.malformed, path: name, "\(what) is \(size); between 1 and \(1 << 24) is expected")
    }
    guard configuration.headCount % configuration.keyValueHeadCount == 0 else {
      throw FileError(
        .malformed, path: name,
        "\(configuration.headCount) heads cannot share \(configuration.keyValueHeadCount) key-value heads evenly")
    }
    guard configuration.headDimension % 2 == 0 else {
      throw FileError(
        .malformed, path: name,
        "the head dimension is \(configuration.headDimension), but rotary embedding turns pairs of elements")
    }
    guard configuration.headCount * configuration.headDimension <= 1 << 24 else {
      throw FileError(
        .malformed, path: name,
        "\(configuration.headCount) heads of \(configuration.headDimension) are more than can be run")
    }
    try configuration.rope.checkUnderstood()
    guard configuration.rope.attentionFactor.isFinite else {
      throw FileError(.malformed, path: name, "rotary embedding has an attention factor that is not finite")
    }
    for length in [1, 1 << 31] {
      let frequencies = configuration.rope.frequencies(dimension: configuration.headDimension, length: length)
      guard frequencies.count == configuration.headDimension / 2, frequencies.allSatisfy(\.isFinite) else {
        throw FileError(
          .malformed, path: name,
          """
          rotary embedding has \(frequencies.count) frequencies, some perhaps infinite; heads of \
          \(configuration.headDimension) need \(configuration.headDimension / 2) finite ones
          """)
      }
    }
    if let window = configuration.slidingWindow, window < 1 {
      throw FileError(.malformed, path: name, "the sliding window is \(window); at least 1 is expected")
    }
  }
}
