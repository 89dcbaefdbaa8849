internal import Bytes

/// Phi-1, Phi-1.5 and Phi-2: both halves of a layer side by side under one norm, biases everywhere, half of each head
/// turned.
struct PhiFamily: DecoderFamily {
  let classes = [ModelClass("PhiForCausalLM", "phi")]
  var ggufArchitecture: String? { "phi2" }
  var ggufHead: GGUFHead { .own }
  var ggufNeedsBiases: Bool { true }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(context: 2048, epsilon: 1e-5, isLayerNorm: true, activation: .geluTanh)
    .defaulting(.activation, .value(.text("gelu_new")))
    .silent(.vocabularySize, .headDimension, .valueDimension).saidUnlessUsual + [.flag(.hasHeadNorms, "qk_layernorm")]

  let names =
    [
      NameRow(.tokenEmbedding, "embed_tokens", "token_embd"),
      NameRow(.finalNorm, "final_layernorm", "output_norm"), NameRow(.head, "lm_head", "output"),
      NameRow(.attentionNorm, "input_layernorm", "attn_norm"),
    ] + NameRow.usualAttention().dropLast() + [NameRow(.attentionOutput, "self_attn.dense", "attn_output")]
    + NameRow.headNorms("self_attn.q_layernorm", "self_attn.k_layernorm")
    + NameRow.plainFeedForward("mlp.fc1", "mlp.fc2")

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source, rotaryShare: try source.config?.rotaryShare(default: 0.5) ?? 1)
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    var attention = values.attention(
      values.rotation(source) { $0.turnsPart = true }, biases: .init(inputs: true, output: true))
    if values.flag(.hasHeadNorms) { attention.headNorms = Attention.HeadNorms(values.layerNorm(), .sharedByHeads) }
    var decoder = Decoder(
      repeating: DecoderLayer(
        residual: .parallel(sharesNorm: true), attention: attention,
        feedForward: values.feedForward(try values.activation(source), isGated: false, hasBias: true),
        attentionNorm: values.layerNorm(), feedForwardNorm: nil), finalNorm: values.layerNorm(), values)
    decoder.hasHeadBias = true
    return decoder
  }
}
