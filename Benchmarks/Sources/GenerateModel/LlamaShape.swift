internal import Tensors

/// The sizes of a Llama, and what its folder holds because of them.
struct LlamaShape {
  let layers: Int
  let hidden: Int
  let intermediate: Int
  let heads: Int
  let keyValueHeads: Int
  let vocabulary: Int

  /// Every tensor, in the order of the model.
  func tensors() throws(ShapeError) -> [TensorDescriptor] {
    let keyValue = hidden / heads * keyValueHeads
    var tensors: [TensorDescriptor] = []
    func add(_ name: String, _ shape: Int...) throws(ShapeError) {
      tensors.append(try TensorDescriptor(name: name + ".weight", encoding: .bf16, shape: shape))
    }
    try add("model.embed_tokens", vocabulary, hidden)
    for layer in 0..<layers {
      let prefix = "model.layers.\(layer)."
      try add(prefix + "input_layernorm", hidden)
      try add(prefix + "self_attn.q_proj", hidden, hidden)
      try add(prefix + "self_attn.k_proj", keyValue, hidden)
      try add(prefix + "self_attn.v_proj", keyValue, hidden)
      try add(prefix + "self_attn.o_proj", hidden, hidden)
      try add(prefix + "post_attention_layernorm", hidden)
      try add(prefix + "mlp.gate_proj", intermediate, hidden)
      try add(prefix + "mlp.up_proj", intermediate, hidden)
      try add(prefix + "mlp.down_proj", hidden, intermediate)
    }
    try add("model.norm", hidden)
    try add("lm_head", vocabulary, hidden)
    return tensors
  }

  /// `config.json`.
  var configuration: String {
    """
    {
      "architectures": ["LlamaForCausalLM"],
      "attention_bias": false,
      "bos_token_id": 1,
      "eos_token_id": 2,
      "hidden_act": "silu",
      "hidden_size": \(hidden),
      "initializer_range": 0.02,
      "intermediate_size": \(intermediate),
      "max_position_embeddings": 2048,
      "model_type": "llama",
      "num_attention_heads": \(heads),
      "num_hidden_layers": \(layers),
      "num_key_value_heads": \(keyValueHeads),
      "rms_norm_eps": 1e-05,
      "rope_theta": 10000.0,
      "tie_word_embeddings": false,
      "torch_dtype": "bfloat16",
      "vocab_size": \(vocabulary)
    }

    """
  }
}
