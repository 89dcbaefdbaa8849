/// Chat templates that llama.cpp has built in: a GGUF may name one where others hold the template itself. To everybody
/// else such a name is no template.
enum BuiltInTemplate {
  /// Those that its converter names for a `tekken.json`, by the file's version.
  static let tekken = [3: "mistral-v3-tekken", 7: "mistral-v7-tekken"]
}
