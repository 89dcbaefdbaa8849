/// What a weight does in a model, as far as a mix of types tells tensors apart. It follows from the tensor's name, in
/// GGUF or in Hugging Face spelling.
///
/// Source: llama.cpp `tensor_get_category` and `tensor_allows_quantization`.
enum TensorRole: Hashable, CaseIterable, Sendable {
  case tokenEmbedding
  case output
  case attentionValue
  case attentionOutput
  case feedForwardDown
  case other

  init(name: String) {
    let role =
      Self.exactNames.first { $0.names.contains(name) }
      ?? Self.nameParts.first { row in
        row.names.contains { name.holds($0) }
      }
    self = role?.role ?? .other
  }

  private static let exactNames: [(role: TensorRole, names: [String])] = [
    (.output, ["output.weight", "lm_head.weight"]),
    (.tokenEmbedding, ["token_embd.weight", "model.embed_tokens.weight"]),
  ]

  private static let nameParts: [(role: TensorRole, names: [String])] = [
    (.attentionValue, ["attn_v.weight", "v_proj.weight"]),
    (.attentionOutput, ["attn_output.weight", "o_proj.weight"]),
    (.feedForwardDown, ["ffn_down", "down_proj"]),
  ]

  /// Whether a tensor of that name and shape is one that types of blocks are meant for: a matrix, or a stack of them,
  /// of weights that tolerate it.
  static func isQuantizable(name: String, shape: [Int]) -> Bool {
    shape.count >= 2 && name.hasSuffix("weight") && !spared.contains { name.holds($0) }
  }

  /// Parts of names of matrices that are small or sensitive, and stay what they are.
  private static let spared = [
    "_norm.weight", "ffn_gate_inp.weight", "position_embd", "token_types", "ssm_conv1d", "shortconv.conv.weight",
    "attn_rel_b.weight", ".rel_pos", ".patch_embd",
  ]
}

extension String {
  /// Whether it has the bytes of `part` anywhere. `contains` compares characters, and takes a hundred times as long.
  fileprivate func holds(_ part: String) -> Bool {
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
