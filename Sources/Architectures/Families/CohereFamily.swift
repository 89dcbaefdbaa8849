internal import Bytes
internal import Tensors

/// Cohere's Command R: both halves of a layer side by side under one norm without bias, neighbours turned together.
struct CohereFamily: DecoderFamily {
  let classes = [ModelClass("CohereForCausalLM", "cohere")]
  var ggufArchitecture: String? { "command-r" }
  var ggufHead: GGUFHead { .embedding }
  var hasRopeTensors: Bool { false }
  var tiesHeadByDefault: Bool { true }

  let hyperparameters =
    Hyperparameter.usual(context: 8192, epsilon: 1e-5, isLayerNorm: true)
    .naming(.contextLength, "model_max_length", "max_position_embeddings").naming(.headDimension).plain + [
      .number(.logitScale, "logit_scale", gguf: "logit_scale", default: .value(.number(0.0625))),
      .flag(.hasAttentionBias, "attention_bias"), .flag(.hasHeadNorms, "use_qk_norm"),
    ]

  let names =
    NameRow.usualGlobals + [NameRow(.attentionNorm, "input_layernorm", "attn_norm")] + NameRow.usualAttention()
    + NameRow.headNorms("self_attn.q_norm", "self_attn.k_norm") + NameRow.usualFeedForward

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    // llama.cpp looks for them in models of 64 layers and more.
    if source.metadata != nil {
      values[.hasHeadNorms] = .flag(
        values.size(.layerCount) >= 64 && source.hasTensor("blk.0.attn_q_norm.weight"))
    }
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    var attention = values.attention(
      values.rotation(source, theta: source.config == nil ? 10_000 : 500_000, isInterleaved: true),
      biases: .init(inputs: hasBias, output: hasBias))
    let norm = values.layerNorm(hasBias: false)
    if values.flag(.hasHeadNorms) { attention.headNorms = Attention.HeadNorms(norm, .eachHead) }
    var decoder = Decoder(
      repeating: DecoderLayer(
        residual: .parallel(sharesNorm: true), attention: attention,
        feedForward: values.feedForward(try values.activation(source)), attentionNorm: norm, feedForwardNorm: nil),
      finalNorm: norm, values)
    decoder.logitScale = values.number(.logitScale) ?? 1
    return decoder
  }

  func metadata(_ model: DecoderModel, path: String) throws(FileError) -> [(key: String, value: MetadataValue)] {
    guard case .none? = model.rotation?.embedding.scaling else { return [] }
    return [("command-r.rope.scaling.type", .string("none"))]
  }
}
