/// What config.json says beside what a family reads.
enum KnownSettings {
  /// Whether a key of config.json changes nothing of what a decoder computes when it is evaluated.
  static func areWithoutEffect(_ key: String) -> Bool {
    names.contains(key) || endings.contains { key.hasSuffix($0) }
  }

  /// Whether the classes of that version of transformers read no key that those of the version that is followed here do
  /// not.
  static func isVersionKnown(_ version: String?) -> Bool {
    guard let parts = version?.split(separator: ".").prefix(2).map({ Int($0) }), parts.count == 2,
      let major = parts[0], let minor = parts[1]
    else { return false }
    return (major, minor) <= (5, 24)
  }

  /// Identifiers of tokens, losses and dropout are for training and generating.
  private static let endings = ["_token_id", "_dropout", "_pdrop", "_loss_coef", "_dropout_prob", "_dropout_p"]

  private static let names: Set<String> = [
    // Of every class. Source: `PreTrainedConfig` of transformers.
    "architectures", "auto_map", "chunk_size_feed_forward", "dtype", "finetuning_task", "id2label", "is_decoder",
    "is_encoder_decoder", "label2id", "max_length", "min_length", "model_type", "name_or_path", "num_labels",
    "num_return_sequences", "output_attentions", "output_hidden_states", "output_logits", "problem_type",
    "pruned_heads",
    "compression_config", "quantization",
    "quantization_config", "return_dict", "task_specific_params", "tie_word_embeddings", "tokenizer_class",
    "torch_dtype", "torchscript", "transformers_version", "use_bfloat16", "use_cache", "use_return_dict",
    "vocab_size",
    "_attn_implementation", "_attn_implementation_autoset", "_commit_hash", "_flash_attn_2_enabled", "_name_or_path",
    "attn_implementation", "cache_implementation", "text_config",
    // How weights were begun with, and how they were trained.
    "dropout", "init_config", "init_device", "init_std",
    "initializer_range", "layerdrop", "output_router_logits", "pretraining_tp", "router_jitter_noise",
    "attention_softmax_in_fp32", "bias_dropout_fusion", "masked_softmax_fusion",
    "offset_alibi", "skip_bias_add", "skip_bias_add_qkv", "slow_but_exact", "verbose",
    // Of other tasks than predicting the next token.
    "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
    // What others leave.
    "is_llama_config", "max_window_layers", "rope_interleaved", "tokenizer_name", "transformers.js_config",
    "unsloth_fixed", "unsloth_version",
    // Of generating.
    "bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample", "early_stopping",
    "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id", "length_penalty",
    "no_repeat_ngram_size", "num_beam_groups", "num_beams", "prefix", "remove_invalid_values", "repetition_penalty",
    "suppress_tokens", "temperature", "top_k", "top_p", "typical_p", "encoder_no_repeat_ngram_size",
    // RoPE has a list of its own.
    "partial_rotary_factor", "rope_parameters", "rope_scaling", "rope_theta", "original_max_position_embeddings",
    // Written beside what says the same.
    "embedding_fraction", "moe_intermediate_size", "n_ctx", "norm_type",
    "_sliding_window_pattern", "sliding_window_pattern", "layer_types", "rope_local_base_freq",
  ]
}
