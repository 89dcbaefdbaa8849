internal import Bytes
internal import RealModule
internal import Tensors

/// HunYuan, dense: norms of queries and keys after they are turned, and a base of RoPE that is stretched by a setting
/// called alpha.
struct HunYuanDenseFamily: DecoderFamily {
  let classes = [ModelClass("HunYuanDenseV1ForCausalLM", "hunyuan_v1_dense")]
  var ggufArchitecture: String? { "hunyuan-dense" }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(context: 2048, epsilon: 1e-5).withHeadDimension + [.flag(.hasAttentionBias, "attention_bias")]

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention()
    + NameRow.headNorms("self_attn.query_layernorm", "self_attn.key_layernorm") + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
  }

  /// The context of a model whose base is stretched. Source: llama.cpp's converter.
  private static let stretchedContext = 262_144

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    var rotation = values.rotation(source) { $0.ownKeys = ["alpha"] }
    if let rope = source.config?.ropeObject(), rope.has("alpha"),
      [rope.string("rope_type"), rope.string("type")].contains("dynamic")
    {
      let (alpha, dimension) = (Double(try rope.positive("alpha")), Double(values.size(.headDimension)))
      let reader: any SettingReader = rope.has("rope_theta") ? rope : source.setting
      let theta = try reader.number("rope_theta", default: 10_000) * Double.pow(alpha, dimension / (dimension - 2))
      rotation.embedding = RotaryEmbedding(theta: Float(theta))
      values[.ropeTheta] = .number(theta)
      values[.isStretched] = .flag(true)
    }
    var attention = values.attention(rotation, biases: .init(inputs: hasBias, output: hasBias))
    attention.headNorms = Attention.HeadNorms(values.rmsNorm(), .sharedByHeads, followsRotation: true)
    return Decoder(
      repeating: DecoderLayer(
        attention: attention, feedForward: values.feedForward(try values.activation(source)),
        attentionNorm: values.rmsNorm(), feedForwardNorm: values.rmsNorm()), finalNorm: values.rmsNorm(), values)
  }

  func metadata(_ model: DecoderModel, path: String) throws(FileError) -> [(key: String, value: MetadataValue)] {
    guard model.values.flag(.isStretched) else { return [] }
    let context = MetadataValue.uint32(UInt32(Self.stretchedContext))
    return [
      ("hunyuan-dense.rope.scaling.type", .string("none")), ("hunyuan-dense.rope.scaling.factor", .float32(1)),
      ("hunyuan-dense.rope.scaling.original_context_length", context), ("hunyuan-dense.context_length", context),
    ]
  }

  /// The context is another one in a GGUF.
  func comparable(_ decoder: Decoder) -> Decoder {
    var result = decoder
    result.contextLength = 0
    return result
  }
}

extension Hyperparameter.Key {
  static let isStretched: Self = "stretched base"
}
