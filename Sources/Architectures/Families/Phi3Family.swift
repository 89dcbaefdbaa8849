internal import Bytes
internal import JSON
internal import Tensors

/// Phi-3 and Phi-4: Llama with queries, keys and values in one tensor, gates and ups in another, and factors of RoPE for
/// short and for long texts.
struct Phi3Family: DecoderFamily {
  let classes = [ModelClass("Phi3ForCausalLM", "phi3")]
  var ggufArchitecture: String? { "phi3" }

  let hyperparameters =
    Hyperparameter.usual(context: 4096, epsilon: 1e-5).silent(.vocabularySize, .headDimension, .valueDimension) + [
      Hyperparameter(
        .originalContextLength, .count(least: 1, most: 1 << 31), config: ["original_max_position_embeddings"],
        gguf: "rope.scaling.original_context_length", configDefault: .none, ggufDefault: .none),
      Hyperparameter(
        .slidingWindow, .count(least: 1, most: 1 << 31), config: ["sliding_window"], gguf: "attention.sliding_window",
        configDefault: .none, ggufDefault: .none, nullIsNone: true, isSaidInGGUF: { _ in false }),
    ]

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + [
      NameRow(
        .query, .key, .value, huggingFace: ["self_attn.qkv_proj"], .blocks, gguf: ["attn_qkv"], .blocks),
      NameRow(.attentionOutput, "self_attn.o_proj", "attn_output"),
      NameRow(.gate, .up, huggingFace: ["mlp.gate_up_proj"], .blocks, gguf: ["ffn_up"], .blocks),
      NameRow(.down, "mlp.down_proj", "ffn_down"),
    ]

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source, rotaryShare: try source.config?.rotaryShare(default: 1) ?? 1)
    if values[.originalContextLength] == nil {
      // The class has a number of its own, before any beside the factors.
      let isScaled = source.config?.ropeObject() != nil
      values[.originalContextLength] = .count(isScaled ? 4096 : min(4096, values.size(.contextLength)))
    }
  }

  func ggufNotes(_ model: DecoderModel) -> [String] { model.windowThatNoGGUFHas }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    var attention = values.attention(
      values.rotation(source) { rules in
        rules.turnsPart = true
        rules.originalContextLength = 4096
        rules.otherKinds = ["su": "longrope", "yarn": "longrope"]
      })
    attention.window = values.count(.slidingWindow)
    return Decoder(
      repeating: DecoderLayer(
        attention: attention, feedForward: values.feedForward(try values.activation(source)),
        attentionNorm: values.rmsNorm(), feedForwardNorm: values.rmsNorm()), finalNorm: values.rmsNorm(), values)
  }

  /// Both lists of factors, whether they differ or not.
  func ggufRope(_ model: DecoderModel, path: String) throws(FileError) -> GGUFRoPE? {
    guard let rotation = model.rotation, case .longRope(let longRope) = rotation.embedding.scaling else {
      return try model.usualGGUFRope(path)
    }
    var plain = rotation.embedding
    plain.scaling = .none
    plain.attentionFactor = 1
    var rope = try GGUFRoPE(
      of: plain, dimension: rotation.dimension, architecture: model.ggufArchitecture, path: path)
    rope.metadata = [("phi3.rope.scaling.attn_factor", .float32(rotation.embedding.attentionFactor))]
    rope.tensors = [
      (GGUFRoPE.longDivisorsName, longRope.longDivisors), (GGUFRoPE.shortDivisorsName, longRope.shortDivisors),
    ]
    return rope
  }

  /// Where no padding is said, the class has an id for it that small vocabularies do not reach.
  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] { ["pad_token_id": nil] }

  /// 0 says that there is no window.
  func metadata(_ model: DecoderModel, path: String) throws(FileError) -> [(key: String, value: MetadataValue)] {
    [("phi3.attention.sliding_window", .uint32(UInt32(clamping: model.values.count(.slidingWindow) ?? 0)))]
  }
}

extension Hyperparameter.Key {
  static let originalContextLength: Self = "original context"
}
