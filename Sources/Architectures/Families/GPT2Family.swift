internal import Bytes
internal import JSON

/// GPT-2: learned positions, layer norms, and layers that are stored `[in, out]`.
struct GPT2Family: DecoderFamily {
  let classes = [ModelClass("GPT2LMHeadModel", "gpt2"), ModelClass("GPT2Model", "gpt2", hasHead: false)]
  var ggufArchitecture: String? { "gpt2" }
  var ggufNeedsBiases: Bool { true }
  var hasRopeTensors: Bool { false }
  var tiesHeadByDefault: Bool { true }
  var basePrefix: String { "transformer." }
  var layers: String { "h." }
  var droppedEndings: [String] { [".attn.bias", ".attn.masked_bias"] }

  let hyperparameters =
    Hyperparameter.usual(context: 1024, epsilon: 1e-5, isLayerNorm: true, activation: .geluTanh)
    .naming(.layerCount, "n_layer").naming(.contextLength, "n_positions", "n_ctx").naming(.hiddenSize, "n_embd")
    .naming(.headCount, "n_head").naming(.normEpsilon, "layer_norm_epsilon").naming(.intermediateSize, "n_inner")
    .defaulting(.intermediateSize, .fourTimesHidden).naming(.activation, "activation_function")
    .defaulting(.activation, .value(.text("gelu_new"))).naming(.keyHeadCount).naming(.headDimension).plain
    .silent(.keyHeadCount, .ropeTheta) + [
      .flag(.scalesScores, "scale_attn_weights", default: true),
      .flag(.scalesByLayer, "scale_attn_by_inverse_layer_idx"),
    ]

  let names = [
    NameRow(.tokenEmbedding, "wte", "token_embd"), NameRow(.positionEmbedding, "wpe", "position_embd"),
    NameRow(.finalNorm, "ln_f", "output_norm"), NameRow(.head, "lm_head", "output"),
    NameRow(.attentionNorm, "ln_1", "attn_norm"), NameRow(.feedForwardNorm, "ln_2", "ffn_norm"),
    NameRow(
      .query, .key, .value, huggingFace: ["attn.c_attn"], .blocks, gguf: ["attn_qkv"], .blocks, isTransposed: true),
    NameRow(.attentionOutput, "attn.c_proj", "attn_output", isTransposed: true),
    NameRow(.up, "mlp.c_fc", "ffn_up", isTransposed: true),
    NameRow(.down, "mlp.c_proj", "ffn_down", isTransposed: true),
  ]

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    values[.keyHeadCount] = values[.headCount]
    try values.completeHeads(source)
    try source.config?.require("add_cross_attention", false, because: "attention to an encoder is not supported")
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let attention = values.attention(
      nil, biases: .init(inputs: true, output: true), scale: values.flag(.scalesScores) ? nil : 1)
    let activation = try values.activation(source, "activation_function")
    var decoder = Decoder(
      layers: (0..<values.size(.layerCount)).map { number in
        var own = attention
        if values.flag(.scalesByLayer) { own.scale /= Float(number + 1) }
        return DecoderLayer(
          attention: own, feedForward: values.feedForward(activation, isGated: false, hasBias: true),
          attentionNorm: values.layerNorm(), feedForwardNorm: values.layerNorm())
      }, finalNorm: values.layerNorm(), values)
    decoder.positions = Decoder.LearnedPositions(rows: values.size(.contextLength))
    return decoder
  }
}

extension Hyperparameter.Default {
  /// Four times the width of the stream.
  static let fourTimesHidden = Self.derived { values in .count(4 * values.size(.hiddenSize)) }
}

extension Hyperparameter.Key {
  static let scalesScores: Self = "scales scores"
  static let scalesByLayer: Self = "scales scores by layer"
}
