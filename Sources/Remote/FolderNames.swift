internal import JSON

/// The names of files that models have, for servers that do not list their folders.
enum FolderNames {
  static let indexes = ["model.safetensors.index.json", "pytorch_model.bin.index.json"]

  static let all =
    indexes + [
      "config.json", "generation_config.json", "model.safetensors", "pytorch_model.bin",
      "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
      "vocab.json", "vocab.txt", "merges.txt", "tekken.json", "chat_template.jinja", "chat_template.json",
      "preprocessor_config.json", "processor_config.json", "params.json", "decant.json",
      "quanto_qmap.json", "hf_quant_config.json", "quantize_config.json", "quant_config.json",
      "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin", "adapters.safetensors",
      "README.md", "LICENSE",
    ]

  /// The shards that an index lists. A name with a slash is none of the folder.
  static func listed(by index: [UInt8]) -> [String] {
    guard let shards = (try? JSONValue(parsing: index))?["weight_map"]?.object else { return [] }
    return Set(shards.values.compactMap(\.string)).filter {
      !$0.isEmpty && !$0.contains("/") && $0 != "." && $0 != ".."
    }
    .sorted()
  }
}
