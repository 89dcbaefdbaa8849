@testable import Architectures
import Bytes
import Inference
import Tensors

/// The settings of a Llama that tests vary.
struct LlamaConfiguration: Sendable {
  var hiddenSize: Int
  var intermediateSize: Int
  var layerCount: Int
  var headCount: Int
  var keyValueHeadCount: Int
  var headDimension: Int
  var vocabularySize: Int
  var contextLength: Int
  var normEpsilon: Float
  var rope: RotaryEmbedding
  var slidingWindow: Int?
  var tiesEmbeddings = false
  var hasAttentionBias = false
  var hasFeedForwardBias = false

  private var decoder: Decoder {
    var attention = Attention(
      headCount: headCount, keyHeadCount: keyValueHeadCount, headDimension: headDimension,
      rotation: Attention.Rotation(rope, dimension: headDimension))
    attention.window = slidingWindow
    attention.biases = Attention.Biases(inputs: hasAttentionBias, output: hasAttentionBias)
    let norm = Norm(.rootMeanSquare, epsilon: normEpsilon)
    let layer = DecoderLayer(
      attention: attention,
      feedForward: FeedForward(
        size: intermediateSize, activation: .silu, isGated: true, hasInputBias: hasFeedForwardBias,
        hasOutputBias: hasFeedForwardBias), attentionNorm: norm, feedForwardNorm: norm)
    var decoder = Decoder(
      hiddenSize: hiddenSize, vocabularySize: vocabularySize, contextLength: contextLength, layerKinds: [layer],
      kindOfLayer: Array(repeating: 0, count: layerCount), finalNorm: norm)
    decoder.tiesHead = tiesEmbeddings
    return decoder
  }

  func forwardPass(path: String) throws(FileError) -> ForwardPass {
    try decoder.forwardPass(LlamaFamily().table(decoder, ModelClass("LlamaForCausalLM", "llama")), path: path)
  }
}

extension LoadedModel {
  /// A Llama of these settings, whose tensors have their Hugging Face names.
  init(
    configuration: LlamaConfiguration, name: String = "model",
    weights: @escaping (String) throws(FileError) -> (any RowSource)?
  ) throws(FileError) {
    try self.init(try configuration.forwardPass(path: name), name: name) { derivation throws(FileError) in
      guard case .source(let reference) = derivation else { return nil }
      return try weights(reference.name)
    }
  }
}
