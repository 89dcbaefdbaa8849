/// Chat templates that llama.cpp has built in: a GGUF may name one where others hold the template itself. To everybody
/// else such a name is not a template.
enum BuiltInTemplate {
  /// Those that its converter names for a `tekken.json`, by the file's version.
  static let tekken = [3: "mistral-v3-tekken", 7: "mistral-v7-tekken"]

  /// All of them (`LLM_CHAT_TEMPLATES` in its `llama-chat.cpp`).
  static let names: Set = [
    "chatml", "llama2", "llama2-sys", "llama2-sys-bos", "llama2-sys-strip", "mistral-v1", "mistral-v3",
    "mistral-v3-tekken", "mistral-v7", "mistral-v7-tekken", "phi3", "phi4", "falcon3", "zephyr", "monarch", "gemma",
    "orion", "openchat", "vicuna", "vicuna-orca", "deepseek", "deepseek2", "deepseek3", "deepseek-ocr", "command-r",
    "llama3", "chatglm3", "chatglm4", "glmedge", "minicpm", "exaone3", "exaone4", "exaone-moe", "rwkv-world",
    "granite", "granite-4.0", "granite-4.1", "gigachat", "megrez", "yandex", "bailing", "bailing-think", "bailing2",
    "llama4", "smolvlm", "hunyuan-moe", "gpt-oss", "hunyuan-dense", "hunyuan-vl", "kimi-k2", "seed_oss", "grok-2",
    "pangu-embedded", "solar-open",
  ]
}

extension GGUFVocabulary {
  /// The name of one that stands in the place of a chat template; nil where there is a template, or none.
  package var builtInTemplate: String? {
    chatTemplate.flatMap { BuiltInTemplate.names.contains($0) ? $0 : nil }
  }
}
