/// What a weight does in a model, as far as a mix of types tells tensors apart. It follows from the tensor's name in a
/// GGUF, whatever the model; of Hugging Face's names only those of embedding and head are known.
///
/// Source: llama.cpp `tensor_get_category` and `tensor_allows_quantization`.
enum TensorRole: Hashable, CaseIterable, Sendable {
  case tokenEmbedding
  case output
  case attentionQuery
  case attentionKey
  /// The value matrix, or one that holds it among others.
  case attentionValue
  case attentionOutput
  case feedForwardUp
  case feedForwardGate
  case feedForwardDown
  case other

  init(name: String) {
    let role =
      Self.exactNames.first { $0.names.contains(name) }?.role
      ?? Self.nameParts.first { row in
        row.names.contains { name.holds($0) }
      }?.role
    self = role ?? .other
  }

  var isOfFeedForward: Bool { [.feedForwardUp, .feedForwardGate, .feedForwardDown].contains(self) }

  private static let exactNames: [(role: TensorRole, names: [String])] = [
    (.output, ["output.weight", "lm_head.weight"]),
    (.tokenEmbedding, ["token_embd.weight", "per_layer_token_embd.weight", "model.embed_tokens.weight"]),
  ]

  private static let nameParts: [(role: TensorRole, names: [String])] = [
    (.attentionValue, ["attn_qkv.weight", "attn_kv_b.weight", "attn_v.weight"]),
    (.attentionKey, ["attn_k.weight"]),
    (.attentionQuery, ["attn_q.weight"]),
    (.attentionOutput, ["attn_output.weight"]),
    (.feedForwardUp, ["ffn_up"]),
    (.feedForwardGate, ["ffn_gate"]),
    (.feedForwardDown, ["ffn_down"]),
  ]

  /// Whether a tensor of that name and shape is one that types of blocks are meant for: a matrix, or a stack of them,
  /// of weights that tolerate it.
  /// - Parameter architecture: the GGUF's; some have tensors that others quantize.
  static func isQuantizable(name: String, shape: [Int], architecture: String = "") -> Bool {
    shape.dropLast().contains { $0 > 1 } && isTolerant(name: name, architecture: architecture)
  }

  /// Whether the name is that of weights that tolerate quantization, in a tensor that is large enough.
  static func isTolerant(name: String, architecture: String = "") -> Bool {
    guard name.hasSuffix("weight"), !sparedNames.contains(name) else { return false }
    if spared.contains(where: { name.holds($0) }) { return false }
    return !(sparedOf[architecture] ?? []).contains { name.holds($0) }
  }

  /// Whether llama.cpp wants a matrix in F32 in every GGUF: routers and biases of experts, norms of each head, and what is
  /// looked up by position. Source: llama.cpp's converter, `prepare_tensors`.
  static func isWidened(_ name: String) -> Bool {
    sparedNames.contains(name) || widenedEndings.contains { name.hasSuffix($0) }
  }

  private static let widenedEndings = [
    "_norm.weight", ".bias", ".ffn_gate_inp.weight", ".ffn_gate_inp_shexp.weight",
  ]

  /// Whether the name is one that embeddings and heads have in the Hugging Face form, of whatever class.
  static func isEmbeddingOrHead(_ name: String) -> Bool {
    isEmbedding(name) || ["head", "lm_head", "embed_out", "output", "score"].contains(module(of: name))
  }

  static func isEmbedding(_ name: String) -> Bool {
    let module = module(of: name)
    return ["wte", "wpe"].contains(module) || module.hasPrefix("embed") && module != "embed_out"
      || module.hasSuffix("embed") || module.hasSuffix("embeddings") || module.hasSuffix("embedding")
  }

  /// `lm_head` of `model.lm_head.weight`.
  private static func module(of name: String) -> Substring {
    name.split(separator: ".").dropLast().last ?? ""
  }

  /// Matrices of positions and of token types that are looked up.
  private static let sparedNames = ["position_embd.weight", "token_types.weight"]

  /// Parts of names of matrices that are small or sensitive, and stay what they are.
  private static let spared =
    [
      "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj",
      "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight", "attn_rel_b.weight",
      ".position_embd", "sam.pos_embd", "sam.neck.", "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger",
      "a.rvq.codebook", "mm.a.code_embd",
    ]
    + ["first", "w0", "w1", "w2", "v0", "v1", "v2", "a0", "a1", "a2", "g1", "g2", "decay_w1", "decay_w2", "lerp_fused"]
    .map { "time_mix_\($0).weight" }

  /// The same of single architectures.
  private static let sparedOf: [String: [String]] = [
    "glm5-next": [
      "hc_", "indexer.attn_q_b", "indexer.attn_k", "indexer.proj", "indexer_compressor_gate", "indexer_compressor_ape",
      "ssm_f_a.weight", "ssm_f_b.weight", "ssm_g_a.weight", "ssm_g_b.weight", "ssm_beta.weight",
      "attn_kv_a_mqa.weight", "attn_k_b.weight", "attn_v_b.weight",
    ]
  ]
}

extension String {
  /// Whether it has the bytes of `part` anywhere. `contains` compares characters, and takes a hundred times as long.
  func holds(_ part: String) -> Bool {
    let (bytes, wanted) = (utf8.span, part.utf8.span)
    var start = 0
    while start + wanted.count <= bytes.count {
      var equal = 0
      while equal < wanted.count, bytes[start + equal] == wanted[equal] { equal += 1 }
      if equal == wanted.count { return true }
      start += 1
    }
    return false
  }
}
