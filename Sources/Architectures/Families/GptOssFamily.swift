internal import Bytes
internal import JSON

/// gpt-oss: experts with biases, gates and ups row by row in one stack, a sink for each head, windows in every second
/// layer.
struct GptOssFamily: DecoderFamily {
  let classes = [ModelClass("GptOssForCausalLM", "gpt_oss")]
  var ggufArchitecture: String? { "gpt-oss" }
  var ggufHead: GGUFHead { .own }
  var ggufNeedsBiases: Bool { true }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(
      context: 131_072, epsilon: 1e-5, keyHeads: .value(.count(8)), headDimension: .value(.count(64))
    ).withHeadDimension + Hyperparameter.experts(count: "num_local_experts", "num_experts", used: 4) + [
      .window(default: .value(.count(128))), .layerKindList,
      .count(
        .expertSize, gguf: "expert_feed_forward_length", default: .derived { $0[.intermediateSize] },
        ggufDefault: .derived { $0[.intermediateSize] }),
      .flag(.hasAttentionBias, "attention_bias", default: true),
    ]

  let names =
    NameRow.usualGlobals + [
      NameRow(.attentionNorm, "input_layernorm", "attn_norm"),
      NameRow(.feedForwardNorm, "post_attention_layernorm", "post_attention_norm"),
    ] + NameRow.usualAttention() + [
      NameRow(.sinks, "self_attn.sinks", "attn_sinks", endings: ("", "")),
      NameRow(.router, "mlp.router", "ffn_gate_inp"),
      NameRow(
        .expertGate, .expertUp, huggingFace: ["mlp.experts.gate_up_proj"], .alternating,
        gguf: ["ffn_gate_exps", "ffn_up_exps"], isTransposed: true, endings: ("", "_bias")),
      NameRow(
        .expertDown, "mlp.experts.down_proj", "ffn_down_exps", isTransposed: true, endings: ("", "_bias")),
    ]

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    try values.checkLayerKinds(source)
    try source.config?.require("swiglu_limit", 7, 7.0, because: "only gates limited to 7 are supported")
    try source.config?.require("swiglu_alpha", 1.702, because: "only gates of 1.702 are supported")
    if source.metadata != nil {
      values[.intermediateSize] = values[.expertSize]
      guard values[.slidingWindow] != nil else { throw source.setting.missing("attention.sliding_window") }
    }
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    var attention = values.attention(
      values.rotation(source, theta: source.config == nil ? 10_000 : 150_000) { $0.usual = Self.usualRope },
      biases: .init(inputs: hasBias, output: hasBias))
    attention.hasSinks = true
    let norm = values.rmsNorm()
    let experts = FeedForward.Experts(values, .softmaxOfUsed, hasRouterBias: true)
    let isSliding = values.slidingLayers { $0 % 2 == 0 }
    return Decoder(
      layers: isSliding.map { isSliding in
        var own = attention
        own.window = isSliding ? values.count(.slidingWindow) : nil
        return DecoderLayer(
          attention: own, feedForward: values.feedForward(.swigluOAI, hasBias: true, experts: experts),
          attentionNorm: norm, feedForwardNorm: norm)
      }, finalNorm: norm, values)
  }

  /// RoPE where config.json does not say.
  private static let usualRope: JSONValue = [
    "rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": false,
    "original_max_position_embeddings": 4096,
  ]

  /// Where nothing is said, the class has settings of its own.
  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] {
    guard let rotation = model.rotation, case .none = rotation.embedding.scaling else { return [:] }
    return [
      "rope_parameters": try rotation.embedding.parameters(
        dimension: rotation.dimension, contextLength: model.decoder.contextLength)
    ]
  }

  func ggufNotes(_ model: DecoderModel) -> [String] {
    guard case .yarn(let yarn)? = model.rotation?.embedding.scaling, !yarn.truncates else { return [] }
    return [
      "llama.cpp rounds where the ramp of yarn begins and ends, which this model does not: its results differ a little"
    ]
  }

  /// llama.cpp always begins and ends yarn's ramp at whole pairs, whatever config.json says.
  private static func truncating(_ embedding: inout RotaryEmbedding) {
    if case .yarn(var yarn) = embedding.scaling {
      yarn.truncates = true
      embedding.scaling = .yarn(yarn)
    }
  }

  func ggufRope(_ model: DecoderModel, path: String) throws(FileError) -> GGUFRoPE? {
    try model.usualGGUFRope(path, Self.truncating)
  }

  func comparable(_ decoder: Decoder) -> Decoder {
    var result = decoder
    result.changeLayers { layer in
      guard var rotation = layer.attention.rotation else { return }
      Self.truncating(&rotation.embedding)
      layer.attention.rotation = rotation
    }
    return result
  }
}
