internal import Bytes

/// InternLM2: Llama under other names, with queries, keys and values in one tensor, group by group.
struct InternLM2Family: DecoderFamily {
  let classes = [ModelClass("InternLM2ForCausalLM", "internlm2")]
  var ggufArchitecture: String? { "internlm2" }
  var ggufHead: GGUFHead { .own }
  var hasRopeTensors: Bool { false }

  let hyperparameters =
    Hyperparameter.usual(context: 32768).withHeadDimension + [.flag(.hasAttentionBias, "bias")]

  let names = [
    NameRow(.tokenEmbedding, "tok_embeddings", "token_embd"), NameRow(.finalNorm, "norm", "output_norm"),
    NameRow(.head, "output", "output"), NameRow(.attentionNorm, "attention_norm", "attn_norm"),
    NameRow(.feedForwardNorm, "ffn_norm", "ffn_norm"),
    NameRow(
      .query, .key, .value, huggingFace: ["attention.wqkv"], .byKeyHead, gguf: ["attn_q", "attn_k", "attn_v"],
      change: .interleavesHeads),
    NameRow(.attentionOutput, "attention.wo", "attn_output"), NameRow(.gate, "feed_forward.w1", "ffn_gate"),
    NameRow(.up, "feed_forward.w3", "ffn_up"), NameRow(.down, "feed_forward.w2", "ffn_down"),
  ]

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {
    try values.completeHeads(source)
    if source.metadata != nil { values[.hasAttentionBias] = .flag(source.hasBias("attn_q")) }
  }

  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder {
    let hasBias = values.flag(.hasAttentionBias)
    let attention = values.attention(values.rotation(source), biases: .init(inputs: hasBias, output: hasBias))
    return Decoder(
      repeating: DecoderLayer(
        attention: attention, feedForward: values.feedForward(try values.activation(source)),
        attentionNorm: values.rmsNorm(), feedForwardNorm: values.rmsNorm()), finalNorm: values.rmsNorm(), values)
  }

  /// Dynamic RoPE, which published models ask for, changes only texts beyond the context, to which llama.cpp limits
  /// them: a GGUF has none, as its converter writes it.
  private static func withoutDynamic(_ embedding: inout RotaryEmbedding) {
    if case .dynamic = embedding.scaling { embedding.scaling = .none }
  }

  func ggufRope(_ model: DecoderModel, path: String) throws(FileError) -> GGUFRoPE? {
    try model.usualGGUFRope(path, Self.withoutDynamic)
  }

  func comparable(_ decoder: Decoder) -> Decoder {
    var result = decoder
    result.changeLayers { layer in
      guard var rotation = layer.attention.rotation else { return }
      Self.withoutDynamic(&rotation.embedding)
      layer.attention.rotation = rotation
    }
    return result
  }
}
