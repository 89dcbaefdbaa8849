internal import Bytes

/// The files of a Hugging Face folder, by their names.
enum ModelFolder {
  /// Files of a tokenizer, which are copied as they are.
  static let tokenizerFiles = [
    "tokenizer.json", "tekken.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json",
  ]

  static let generationConfig = "generation_config.json"

  /// The small files that are read and written.
  private static let smallFiles = ["config.json", generationConfig] + tokenizerFiles

  /// Folder of templates, which is read.
  private static let templates = "additional_chat_templates"

  /// What else models are published with: nobody's own work is lost with these.
  private static let companions: Set<String> = [
    "README.md", "LICENSE", "LICENSE.txt", "USE_POLICY.md", ".gitattributes", "vocab.txt", "spiece.model",
    "sentencepiece.bpe.model", "preprocessor_config.json", "processor_config.json",
  ]

  static func isWeights(_ name: String) -> Bool { name.hasFileEnding(".safetensors") }

  /// Whether a file of that name is one that models have.
  static func hasFile(named name: String) -> Bool {
    isWeights(name) || name.hasFileEnding(".safetensors.index.json") || smallFiles.contains(name)
      || companions.contains(name)
  }

  /// The files of a folder that are read beside the weights.
  static func inputPaths(in folder: String) -> [String] {
    let templates = FileSystem.join(folder, templates)
    let names = (try? FileSystem.names(inFolder: templates)) ?? []
    let paths = (smallFiles + ["model.safetensors.index.json"]).map { FileSystem.join(folder, $0) }
    return (paths + [templates] + names.map { FileSystem.join(templates, $0) }).filter(FileSystem.exists)
  }
}
