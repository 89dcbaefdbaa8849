internal import Bytes

/// Granite with experts, stored as stacks.
struct GraniteMoeFamily: DecoderFamily {
  let classes = [ModelClass("GraniteMoeForCausalLM", "granitemoe")]
  var ggufArchitecture: String? { "granitemoe" }

  let hyperparameters =
    Hyperparameter.usual(context: 2048).silent(.headDimension, .valueDimension)
    + Hyperparameter.experts(count: "num_local_experts", used: 2)
    + [.flag(.hasAttentionBias, "attention_bias")] + GraniteFamily.scales

  let names =
    NameRow.usualGlobals + NameRow.usualNorms + NameRow.usualAttention(.interleavesHeads) + [
      NameRow(.router, "block_sparse_moe.router.layer", "ffn_gate_inp"),
      NameRow(
        .expertGate, .expertUp, huggingFace: ["block_sparse_moe.input_linear"], .blocks,
        gguf: ["ffn_gate_exps", "ffn_up_exps"]),
      NameRow(.expertDown, "block_sparse_moe.output_linear", "ffn_down_exps"),
    ]

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source, turnsWholeHeads: source.metadata != nil)
    guard source.metadata != nil else { return }
    values[.hasAttentionBias] = .flag(["attn_q", "attn_k", "attn_v", "attn_output"].contains(where: source.hasBias))
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    let attention = values.attention(
      values.rotation(source), biases: .init(inputs: hasBias, output: hasBias), scale: values.number(.attentionScale))
    var layer = DecoderLayer(
      attention: attention,
      feedForward: values.feedForward(
        try values.activation(source), experts: FeedForward.Experts(values, .softmaxOfUsed)),
      attentionNorm: values.rmsNorm(), feedForwardNorm: values.rmsNorm())
    layer.residualScale = values.number(.residualScale) ?? 1
    var decoder = Decoder(repeating: layer, finalNorm: values.rmsNorm(), values)
    decoder.embeddingScale = values.number(.embeddingScale) ?? 1
    decoder.logitScale = 1 / (values.number(.logitScale) ?? 1)
    return decoder
  }
}
