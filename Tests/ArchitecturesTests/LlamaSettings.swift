import JSON
import Testing

@testable import Architectures

/// What a Llama is, apart from any file that says it.
struct LlamaSettings: Hashable, Sendable {
  var className = "LlamaForCausalLM"
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
  var slidingWindow: Int? = nil
  var tiesEmbeddings = false
  var hasHead = true
  var hasAttentionBias = false
  var hasFeedForwardBias = false

  /// A model of the family with these settings.
  func model() throws -> any Model {
    let config: [String: JSONValue] = [
      "architectures": [.string(className)], "hidden_size": .integer(hiddenSize),
      "intermediate_size": .integer(intermediateSize), "num_hidden_layers": .integer(layerCount),
      "num_attention_heads": .integer(headCount), "num_key_value_heads": .integer(keyValueHeadCount),
      "head_dim": .integer(headDimension), "vocab_size": .integer(vocabularySize),
      "max_position_embeddings": .integer(contextLength), "rms_norm_eps": .number(normEpsilon.shortest),
      "tie_word_embeddings": .bool(tiesEmbeddings), "attention_bias": .bool(hasAttentionBias),
      "mlp_bias": .bool(hasFeedForwardBias), "sliding_window": slidingWindow.map(JSONValue.integer) ?? .null,
    ]
    let read = try LlamaFamily().model(fromConfig: .object(config), path: "config.json")
    var model = try #require(read as? DecoderModel)
    model.hasHead = hasHead
    // Some kinds of RoPE no config.json can say.
    model.values[.ropeTheta] = .number(Double(rope.theta))
    model.decoder.changeLayers { $0.attention.rotation?.embedding = rope }
    #expect(try LlamaSettings(model) == self)
    return model
  }
}

extension LlamaSettings {
  /// What a model has come to.
  init(_ model: any Model) throws {
    let model = try #require(model as? DecoderModel)
    let decoder = model.decoder
    #expect(decoder.layerKinds.count == 1, "all layers are alike")
    let layer = try #require(decoder.layerKinds.first)
    let (attention, feedForward) = (layer.attention, layer.feedForward)
    let rotation = try #require(attention.rotation)
    let (hasAttentionBias, hasFeedForwardBias) = (attention.biases.hasAny, feedForward.hasInputBias)
    self.init(
      className: model.className, hiddenSize: decoder.hiddenSize, intermediateSize: feedForward.size,
      layerCount: model.layerCount, headCount: attention.headCount, keyValueHeadCount: attention.keyHeadCount,
      headDimension: attention.headDimension, vocabularySize: model.vocabularySize,
      contextLength: decoder.contextLength, normEpsilon: try #require(decoder.finalNorm).epsilon,
      rope: rotation.embedding,
      slidingWindow: attention.window, tiesEmbeddings: model.tiesHead, hasHead: model.hasHead,
      hasAttentionBias: hasAttentionBias, hasFeedForwardBias: hasFeedForwardBias)
    #expect(attention.biases == Attention.Biases(inputs: hasAttentionBias, output: hasAttentionBias))
    #expect(feedForward.hasOutputBias == hasFeedForwardBias)
    #expect(!rotation.isInterleaved && attention.scale == 1 / Float(headDimension).squareRoot())
    #expect(feedForward.isGated && feedForward.activation == .silu && feedForward.experts == nil)
    let norm = Norm(.rootMeanSquare, epsilon: normEpsilon)
    #expect(decoder.finalNorm == norm && layer.attentionNorm == norm && layer.feedForwardNorm == norm)
  }
}
