import Testing

@testable import Conversion

/// The names that PEFT's tensors have, saved and in a model.
@Suite struct AdapterKeyTests {
  @Test(
    arguments: [
      ("base_model.model.m.q_proj.lora_A.weight", "m.q_proj", .down, nil),
      ("base_model.model.m.q_proj.lora_A.default.weight", "m.q_proj", .down, "default"),
      ("base_model.model.m.q_proj.lora_B.my_name.weight", "m.q_proj", .up, "my_name"),
      ("m.q_proj.lora_B.weight", "m.q_proj", .up, nil),
      ("base_model.model.m.q_proj.lora_B.bias", "m.q_proj", .upBias, nil),
      ("base_model.model.m.q_proj.lora_B.a.bias", "m.q_proj", .upBias, "a"),
      ("base_model.model.m.embed.lora_embedding_A", "m.embed", .embeddingDown, nil),
      ("base_model.model.m.embed.lora_embedding_B.a", "m.embed", .embeddingUp, "a"),
      ("base_model.model.m.q_proj.lora_magnitude_vector", "m.q_proj", .magnitude, nil),
      ("base_model.model.m.q_proj.lora_magnitude_vector.weight", "m.q_proj", .magnitude, nil),
      ("base_model.model.m.q_proj.lora_magnitude_vector.a", "m.q_proj", .magnitude, "a"),
      ("base_model.model.m.q_proj.lora_magnitude_vector.a.weight", "m.q_proj", .magnitude, "a"),
      ("base_model.model.m.q_proj.base_layer.weight", "m.q_proj", .baseWeight, nil),
      ("base_model.model.m.q_proj.base_layer.bias", "m.q_proj", .baseBias, nil),
      ("base_model.model.m.embed.token_adapter.base_layer.weight", "m.embed", .baseWeight, nil),
      ("base_model.model.m.embed.token_adapter.trainable_tokens_delta", "m.embed", .tokenRows, nil),
      ("base_model.model.m.embed.token_adapter.trainable_tokens_delta.a", "m.embed", .tokenRows, "a"),
      ("base_model.model.m.embed.token_adapter.trainable_tokens_original.a", "m.embed", .buffer, "a"),
      ("base_model.model.m.embed.original_module.weight", "m.embed", .baseWeight, nil),
      ("base_model.model.m.embed.modules_to_save.weight", "m.embed", .copiedWeight, nil),
      ("base_model.model.m.embed.modules_to_save.a.weight", "m.embed", .copiedWeight, "a"),
      ("base_model.model.m.mlp.modules_to_save.a.up_proj.weight", "m.mlp.up_proj", .copiedWeight, "a"),
      ("base_model.model.m.q_proj.lora_velora_embed", "m.q_proj", .buffer, nil),
      ("base_model.model.m.norm.weight", "m.norm", .weight, nil),
      ("base_model.model.m.norm.bias", "m.norm", .bias, nil),
      ("module.base_model.model.m.q_proj.lora_A.weight", "m.q_proj", .down, nil),
      ("base_model.model._orig_mod.m.q_proj.lora_A.weight", "m.q_proj", .down, nil),
      ("base_model.model.m._fsdp_wrapped_module.q_proj.lora_A.weight", "m.q_proj", .down, nil),
    ] as [(String, String, AdapterKey.Part, String?)])
  func isRead(_ stored: String, _ module: String, _ part: AdapterKey.Part, _ adapter: String?) throws {
    let key = try #require(AdapterKey(stored, .peft))
    #expect(key.module == module && key.part == part && key.adapter == adapter)
  }

  @Test(
    arguments: [
      "base_model.model.m.q_proj.lora_C.weight", "base_model.model.m.q_proj.lora_A.bias",
      "base_model.model.m.q_proj.lora_A.a.b.weight", "base_model.model.m.q_proj.lora_diag.default",
      "base_model.model.m.q_proj.lora_A", "base_model.model.m.embed.token_adapter.other", "lora_A.weight", "weight",
      "lora_unet_down.alpha", "base_model.model.m.q_proj.base_layer.lora_A.weight", "",
    ])
  func isNoneThatIsKnown(_ stored: String) { #expect(AdapterKey(stored, .peft) == nil) }

  /// The names of mlx-lm, and those of a GGUF, where modules are ggml's.
  @Test(
    arguments: [
      (.mlx, "model.layers.3.mlp.up_proj.lora_a", "model.layers.3.mlp.up_proj", .down),
      (.mlx, "m.q_proj.lora_b", "m.q_proj", .up), (.mlx, "m.q_proj.m", "m.q_proj", .magnitude),
      (.mlx, "m.norm.weight", "m.norm", .copiedWeight), (.mlx, "m.q_proj.bias", "m.q_proj", .copiedBias),
      (.gguf, "blk.3.ffn_up.weight.lora_a", "blk.3.ffn_up", .down),
      (.gguf, "token_embd.weight.lora_b", "token_embd", .up),
    ] as [(AdapterSpelling, String, String, AdapterKey.Part)])
  func otherSpellings(
    _ spelling: AdapterSpelling, _ stored: String, _ module: String, _ part: AdapterKey.Part
  ) throws {
    let key = try #require(AdapterKey(stored, spelling))
    #expect(key.module == module && key.part == part && key.adapter == nil)
  }

  @Test(
    arguments: [
      (.mlx, "m.q_proj.lora_A.weight.lora_c"), (.mlx, "m.q_proj.scales"), (.mlx, ".lora_a"),
      (.gguf, "blk.0.attn_norm.weight"), (.gguf, "blk.0.attn_q.lora_a"), (.gguf, ".weight.lora_a"),
      (.gguf, "blk.0.attn_q.bias.lora_a"),
    ] as [(AdapterSpelling, String)])
  func noneOfOtherSpellings(_ spelling: AdapterSpelling, _ stored: String) {
    #expect(AdapterKey(stored, spelling) == nil)
  }
}
