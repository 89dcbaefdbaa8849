internal import Bytes
internal import JSON
internal import RealModule
internal import Tensors

/// MPT: ALiBi, norms and layers without biases.
struct MPTFamily: DecoderFamily {
  /// The class that models are published with, which is not in transformers.
  private static let original = "MPTForCausalLM"

  let classes = [ModelClass("MptForCausalLM", "mpt"), ModelClass(Self.original, "mpt", isItsOwn: true)]
  var ggufArchitecture: String? { "mpt" }
  var hasRopeTensors: Bool { false }
  var tiesHeadByDefault: Bool { true }
  var basePrefix: String { "transformer." }
  var layers: String { "blocks." }

  let hyperparameters =
    Hyperparameter.usual(context: 2048, epsilon: 1e-5, isLayerNorm: true, activation: .gelu)
    .naming(.layerCount, "n_layers").naming(.contextLength, "max_seq_len").naming(.hiddenSize, "d_model")
    .naming(.headCount, "n_heads").naming(.keyHeadCount).naming(.normEpsilon, "layer_norm_epsilon")
    .naming(.intermediateSize).defaulting(.intermediateSize, .none).naming(.activation).naming(.headDimension).plain
    .silent(.ropeTheta, .keyHeadCount) + [
      Hyperparameter(
        .expansion, .count(least: 1, most: 1 << 16), config: ["expansion_ratio"], configDefault: .value(.count(4)),
        ggufDefault: .none),
      .number(
        .clamp, gguf: "attention.clamp_kqv", default: Hyperparameter.Default.none,
        ggufDefault: Hyperparameter.Default.none),
      .number(
        .alibiBias, gguf: "attention.max_alibi_bias", default: Hyperparameter.Default.none,
        ggufDefault: Hyperparameter.Default.none),
    ]

  let names =
    [
      NameRow(.tokenEmbedding, "wte", "token_embd"), NameRow(.finalNorm, "norm_f", "output_norm"),
      NameRow(.head, "lm_head", "output"), NameRow(.attentionNorm, "norm_1", "attn_norm"),
      NameRow(.feedForwardNorm, "norm_2", "ffn_norm"),
      NameRow(.query, .key, .value, huggingFace: ["attn.Wqkv"], .blocks, gguf: ["attn_qkv"], .blocks),
      NameRow(.attentionOutput, "attn.out_proj", "attn_output"),
    ] + NameRow.plainFeedForward("ffn.up_proj", "ffn.down_proj")

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    values[.keyHeadCount] = values[.headCount]
    if let config = source.config {
      values[.intermediateSize] = .count(values.size(.hiddenSize) * values.size(.expansion))
      try config.require("no_bias", true, because: "layers with biases are not supported in this family")
      values[.alibiBias] = .number(8)
      if let attention = try config.object("attn_config") {
        for (key, value) in [
          ("attn_type", JSONValue.string("multihead_attention")), ("alibi", true), ("prefix_lm", false),
          ("qk_ln", false),
        ] {
          try attention.require(key, value, because: "such attention is not supported in this family")
        }
        // The class of transformers always computes with 8, the original one with what is said.
        if (config.strings("architectures") ?? []).contains(Self.original), attention.has("alibi_bias_max") {
          values[.alibiBias] = .number(Double(try attention.positive("alibi_bias_max")))
        }
        if values.number(.alibiBias) == 8 {
          try attention.require(
            "alibi_bias_max", 8, 8.0, because: "MptForCausalLM computes with 8, whatever is said here")
        }
        if attention.has("clip_qkv") { values[.clamp] = .number(Double(try attention.positive("clip_qkv"))) }
        if attention.has("softmax_scale") {
          values[.attentionScale] = .number(Double(try attention.positive("softmax_scale")))
        }
      }
    } else {
      guard let bias = values.number(.alibiBias), bias > 0 else {
        throw source.setting.unsupported("attention.max_alibi_bias", "models without ALiBi are not supported")
      }
      values[.expansion] = .count(max(1, values.size(.intermediateSize) / max(1, values.size(.hiddenSize))))
    }
    try values.completeHeads(source)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    var attention = values.attention(nil, scale: values.number(.attentionScale))
    attention.alibi = Attention.Alibi(largestBias: values.number(.alibiBias) ?? 8)
    attention.clamp = values.number(.clamp)
    let norm = values.layerNorm(hasBias: false)
    return Decoder(
      repeating: DecoderLayer(
        attention: attention, feedForward: values.feedForward(.gelu, isGated: false), attentionNorm: norm,
        feedForwardNorm: norm), finalNorm: norm, values)
  }

  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] {
    let bias = model.values.number(.alibiBias) ?? 8
    var config: [String: JSONValue] = [
      "attn_config": [
        "alibi": true, "alibi_bias_max": bias == bias.rounded() ? .integer(Int(bias)) : .number(bias.shortest),
        "attn_type": "multihead_attention",
        "clip_qkv": model.values.number(.clamp).map { .number($0.shortest) } ?? .null,
        "softmax_scale": model.values.number(.attentionScale).map { .number($0.shortest) } ?? .null,
      ], "no_bias": true, "learned_pos_emb": false,
    ]
    if bias != 8 { config["architectures"] = [.string(Self.original)] }
    return config
  }
}

extension Hyperparameter.Key {
  static let expansion: Self = "expansion"
  static let alibiBias: Self = "largest bias of ALiBi"
}
