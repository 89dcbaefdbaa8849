internal import Bytes
internal import JSON

/// What a key of `adapter_config.json` has to do with a merge. What is not known to leave the arithmetic alone is refused.
///
/// The keys are those of PEFT's `LoraConfig` (0.21.2), and some that older versions and other programs write.
enum AdapterSetting {
  /// `AdapterConfig` reads it.
  case used
  /// It is about training, placement or bookkeeping, or chooses the modules, which the names of the tensors tell too.
  case harmless
  /// It changes what an adapter computes: what it does, as the end of a sentence.
  case refused(String)

  static let all: [String: AdapterSetting] = [
    "peft_type": .used, "r": .used, "lora_alpha": .used, "rank_pattern": .used, "alpha_pattern": .used,
    "use_rslora": .used, "use_dora": .used, "fan_in_fan_out": .used, "init_lora_weights": .used,
    "modules_to_save": .used, "trainable_token_indices": .used, "ensure_weight_tying": .used,
    "base_model_name_or_path": .used,

    "auto_mapping": .harmless, "bias": .harmless, "corda_config": .harmless,
    "eva_config": .harmless, "exclude_modules": .harmless, "inference_mode": .harmless, "layers_pattern": .harmless,
    "layers_to_transform": .harmless, "loftq_config": .harmless, "lora_bias": .harmless, "lora_dropout": .harmless,
    "lora_dtype": .harmless, "lora_ga_config": .harmless, "lorap_emb_lr": .harmless, "lorap_lr_ratio": .harmless,
    "megatron_core": .harmless, "merge_weights": .harmless, "peft_version": .harmless, "qalora_group_size": .harmless,
    "revision": .harmless, "runtime_config": .harmless, "target_modules": .harmless, "task_type": .harmless,
    // Its projection is used in the backward pass alone.
    "velora_config": .harmless,

    "alora_invocation_tokens": .refused(
      "switches the adapter on behind these tokens only, so that no merged weights can stand for it; run it with PEFT"),
    "arrow_config": .refused(
      "chooses an adapter for each token, so that no merged weights can stand for it; run it with PEFT"),
    "enable_lora": .refused("puts the adapter into parts of joined projections; \(remedy)"),
    "kasa_config": .refused("takes singular values out of the model's weights first; \(remedy)"),
    "layer_replication": .refused(
      "repeats layers of the model, so that it is not an adapter for the model as it is stored"),
    "megatron_config": .refused("is for the parallel layers of Megatron, whose parts are not joined here; \(remedy)"),
    "monteclora_config": .refused("puts samples of its own into the factors; \(remedy)"),
    "target_parameters": .refused("adapts parameters that are not layers, such as stacked experts; \(remedy)"),
    "use_bdlora": .refused("stores factors as blocks of a diagonal; \(remedy)"),
    "use_qalora": .refused(
      "sums the inputs of each layer in groups, which cannot be merged into float weights; run it with PEFT"),
  ]

  private static let remedy = "merge it with PEFT (merge_and_unload), and convert what that saves"

  /// - Throws: `FileError` naming the first key in alphabetical order that asks for something that is not done here.
  static func check(_ members: [String: JSONValue], path: String) throws(FileError) {
    for (key, value) in members.sorted(by: { $0.key < $1.key }) where !value.isUnset {
      switch all[key] {
      case .used, .harmless: continue
      case .refused(let meaning): throw FileError(.unsupported, path: path, subject: key, meaning)
      case nil where value.object?.isEmpty == true: continue
      case nil:
        throw FileError(
          .unsupported, path: path, subject: key,
          "is not a setting that is known here, so that a merge might be wrong; take the key out of the file if it is about "
            + "training alone")
      }
    }
  }
}

extension JSONValue {
  /// Whether a setting with this value is one that was not made.
  fileprivate var isUnset: Bool {
    isNull || bool == false || array?.isEmpty == true || string?.isEmpty == true
  }
}
