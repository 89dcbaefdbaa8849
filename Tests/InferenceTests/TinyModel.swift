import Architectures
import Bytes
import Inference
import Tensors
import TestSupport
import Testing

/// A small Llama with random weights, the same for the same seed.
struct TinyModel: Sendable, CustomTestStringConvertible {
  let title: String
  let configuration: LlamaConfiguration
  let tensors: [String: ArraySource]

  var testDescription: String { title }

  init(_ title: String, seed: UInt64 = 1, change: (inout LlamaConfiguration) -> Void = { _ in }) {
    var configuration = LlamaConfiguration(
      hiddenSize: 24, intermediateSize: 40, layerCount: 2, headCount: 4, keyValueHeadCount: 4, headDimension: 6,
      vocabularySize: 50, contextLength: 64, normEpsilon: 1e-5, rope: RotaryEmbedding(theta: 10000))
    change(&configuration)
    var generator = SeededGenerator(seed: seed)
    var tensors: [String: ArraySource] = [:]
    func add(_ name: String, _ shape: [Int], around center: Float = 0, spread: Float) {
      let count = shape.reduce(1, *)
      tensors[name] = ArraySource(
        shape: shape, array: (0..<count).map { _ in center + Float.random(in: -spread...spread, using: &generator) })
    }
    func addLinear(_ name: String, _ outputs: Int, _ inputs: Int, bias: Bool) {
      add(name + ".weight", [outputs, inputs], spread: 1.7 / Float(inputs).squareRoot())
      if bias { add(name + ".bias", [outputs], spread: 0.3) }
    }
    let hidden = configuration.hiddenSize
    let queries = configuration.headCount * configuration.headDimension
    let keys = configuration.keyValueHeadCount * configuration.headDimension
    add("model.embed_tokens.weight", [configuration.vocabularySize, hidden], spread: 1)
    for layer in 0..<configuration.layerCount {
      let prefix = "model.layers.\(layer)."
      add(prefix + "input_layernorm.weight", [hidden], around: 1, spread: 0.3)
      add(prefix + "post_attention_layernorm.weight", [hidden], around: 1, spread: 0.3)
      addLinear(prefix + "self_attn.q_proj", queries, hidden, bias: configuration.hasAttentionBias)
      addLinear(prefix + "self_attn.k_proj", keys, hidden, bias: configuration.hasAttentionBias)
      addLinear(prefix + "self_attn.v_proj", keys, hidden, bias: configuration.hasAttentionBias)
      addLinear(prefix + "self_attn.o_proj", hidden, queries, bias: configuration.hasAttentionBias)
      addLinear(
        prefix + "mlp.gate_proj", configuration.intermediateSize, hidden, bias: configuration.hasFeedForwardBias)
      addLinear(prefix + "mlp.up_proj", configuration.intermediateSize, hidden, bias: configuration.hasFeedForwardBias)
      addLinear(
        prefix + "mlp.down_proj", hidden, configuration.intermediateSize, bias: configuration.hasFeedForwardBias)
    }
    add("model.norm.weight", [hidden], around: 1, spread: 0.3)
    if !configuration.tiesEmbeddings {
      addLinear("lm_head", configuration.vocabularySize, hidden, bias: false)
    }
    self.title = title
    self.configuration = configuration
    self.tensors = tensors
  }

  private init(_ other: TinyModel, tensors: [String: ArraySource]) {
    (title, configuration, self.tensors) = (other.title, other.configuration, tensors)
  }

  /// The same with weights that are multiples of `unit`.
  func rounded(to unit: Float) -> TinyModel {
    TinyModel(
      self,
      tensors: tensors.mapValues { tensor in
        ArraySource(shape: tensor.shape, array: tensor.array.map { ($0 / unit).rounded() * unit })
      })
  }

  func model() throws(FileError) -> LoadedModel {
    try LoadedModel(configuration: configuration) { name throws(FileError) in tensors[name] }
  }

  /// Windows of random tokens.
  func windows(_ count: Int, of length: Int, seed: UInt64 = 7) -> [[Int32]] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
      (0..<length).map { _ in Int32.random(in: 0..<Int32(configuration.vocabularySize), using: &generator) }
    }
  }
}
