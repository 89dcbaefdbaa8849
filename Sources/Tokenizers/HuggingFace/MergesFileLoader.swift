internal import Bytes
internal import JSON

/// Makes a tokenizer of the two files that GPT-2 came with, `vocab.json` and `merges.txt`, which say nothing of how text is
/// cut: the class of the tokenizer does.
struct MergesFileLoader {
  static let vocabularyName = "vocab.json"
  static let mergesName = "merges.txt"

  /// What a class of the transformers library has built in.
  private struct TokenizerClass {
    let names: [String]
    let splitter: Splitter
    var normalizer: JSONValue = .null
  }

  private static let classes = [
    TokenizerClass(
      names: ["GPT2Tokenizer", "GPT2TokenizerFast", "CodeGenTokenizer", "CodeGenTokenizerFast"], splitter: .gpt2),
    TokenizerClass(names: ["Qwen2Tokenizer", "Qwen2TokenizerFast"], splitter: .qwen2, normalizer: ["type": "NFC"]),
  ]

  let path: String
  let settings: FolderSettings
  let vocabularySize: Int?
  var preTokenizerName: String?

  /// Whether a folder has both files.
  static func hasFiles(in folder: String) throws(FileError) -> Bool {
    for name in [vocabularyName, mergesName] where try !FileSystem.hasFile(FileSystem.join(folder, name)) {
      return false
    }
    return true
  }

  /// What is taken for a folder that names no class: that of GPT-2 for itself and its like, and where nothing is said.
  private static func usualClass(of modelType: String?) -> String {
    guard let modelType, !["gpt2", "opt"].contains(modelType) else { return "GPT2Tokenizer" }
    return "tokenizer of the kind \(modelType)"
  }

  func load(_ bytes: [UInt8]) throws(FileError) -> LoadedTokenizer {
    let name = settings.tokenizerClass ?? Self.usualClass(of: settings.modelType)
    guard let known = Self.classes.first(where: { $0.names.contains(name) }) else {
      let names = Self.classes.flatMap(\.names).joined(separator: ", ")
      throw FileError(
        .unsupported, path: path,
        "how a \(shown(name)) cuts text is not known here, and this file does not tell; these are: \(names). "
          + "AutoTokenizer.from_pretrained(folder).save_pretrained(folder) of transformers makes a tokenizer.json, which tells"
      )
    }
    var cut: JSONValue = [
      "type": "ByteLevel", "add_prefix_space": .bool(settings.flag("add_prefix_space") ?? false), "trim_offsets": true,
      "use_regex": .bool(known.splitter.name == Splitter.gpt2.name),
    ]
    if known.splitter.name != Splitter.gpt2.name {
      let split: JSONValue = [
        "type": "Split", "pattern": ["Regex": .string(known.splitter.expressions[0])], "behavior": "Isolated",
        "invert": false,
      ]
      cut = ["type": "Sequence", "pretokenizers": [split, cut]]
    }
    let mergesPath = FileSystem.join(settings.folder, Self.mergesName)
    let json = try TokenizerJSON(
      vocabulary: bytes, merges: try InputFile.document(of: mergesPath), cut: cut, normalizer: known.normalizer,
      path: path,
      mergesPath: mergesPath)
    return try TokenizerJSONLoader(
      path: path, settings: settings, vocabularySize: vocabularySize, preTokenizerName: preTokenizerName
    ).load(json)
  }
}
