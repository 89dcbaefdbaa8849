internal import Bytes
internal import JSON

/// What the small files of a Hugging Face folder say about a tokenizer: `tokenizer_config.json`,
/// `special_tokens_map.json`, `added_tokens.json`, `generation_config.json`, `config.json` and the chat templates.
/// Every one of them may be missing.
struct FolderSettings {
  let folder: String
  private let tokenizerConfiguration: JSONValue
  private let specialTokensMap: JSONValue
  private let configuration: JSONValue
  private let generationConfiguration: JSONValue

  /// Tokens of `added_tokens_decoder` and `added_tokens.json`; they have an id.
  private(set) var addedTokens: [AddedToken] = []
  private(set) var chatTemplate: String?
  /// Templates with names, each where it was set last; nil where it was set again.
  private var templates: [GGUFVocabulary.NamedTemplate?] = []
  /// Where in `templates` a name is.
  private var templatePlaces: [String: Int] = [:]

  var namedTemplates: [GGUFVocabulary.NamedTemplate] { templates.compactMap(\.self) }

  static let tokenizerConfigurationName = "tokenizer_config.json"

  /// Files beside a vocabulary, those of older tokenizers included, that are none themselves.
  static let names: Set<String> = [
    tokenizerConfigurationName, "special_tokens_map.json", "config.json", "generation_config.json", "added_tokens.json",
    "chat_template.json", "vocab.json", "merges.txt",
  ]

  init(folder: String) throws(FileError) {
    try self.init(folder: folder) { name throws(FileError) in
      let path = FileSystem.join(folder, name)
      return try FileSystem.hasFile(path) ? InputFile.document(of: path, limit: 64 << 20) : nil
    }
    try readTemplateFiles()
  }

  /// - Parameter contents: the bytes of a document by its name; nil where there is none.
  init(folder: String, contents: (String) throws(FileError) -> [UInt8]?) throws(FileError) {
    func document(_ name: String) throws(FileError) -> JSONValue {
      guard let bytes = try contents(name) else { return .null }
      do throws(JSONError) {
        return try JSONValue(parsing: bytes)
      } catch {
        throw FileError(error, path: FileSystem.join(folder, name))
      }
    }
    self.folder = folder
    tokenizerConfiguration = try document(Self.tokenizerConfigurationName)
    specialTokensMap = try document("special_tokens_map.json")
    configuration = try document("config.json")
    generationConfiguration = try document("generation_config.json")
    try readAddedTokens(listed: try document("added_tokens.json").object ?? [:])
    try readTemplates(file: try document("chat_template.json"))
  }

  /// The documents that GGUF has no keys for, without chat templates, for which it has some.
  var kept: KeptTokenizer {
    var members = tokenizerConfiguration.object
    members?["chat_template"] = nil
    return KeptTokenizer(
      configuration: members.flatMap { KeptTokenizer.line(.object($0)) },
      specialTokens: KeptTokenizer.line(specialTokensMap))
  }

  // MARK: - Tokens with a role

  /// The text of a token with a role, such as `bos_token`.
  func token(_ role: String) -> String? {
    for file in [tokenizerConfiguration, specialTokensMap] {
      if let text = file[role]?.string ?? file[role]?["content"]?.string { return text }
    }
    return isOfLlamaClass ? Self.llamaTokens[role] : nil
  }

  /// Ids of a role, such as `eos_token_id`, in the model's configuration files, where it may be a list.
  func ids(_ role: String) -> [Int] {
    var ids: [Int] = []
    var seen: Set<Int> = []
    for file in [generationConfiguration, configuration, configuration["text_config"] ?? .null] {
      let value = file[role] ?? .null
      for id in (value.array ?? [value]).compactMap(\.int) where id >= 0 && seen.insert(id).inserted { ids.append(id) }
    }
    return ids
  }

  /// A yes or no of `tokenizer_config.json`, such as `add_bos_token`.
  func flag(_ key: String) -> Bool? { tokenizerConfiguration[key]?.bool }

  var tokenizerClass: String? {
    tokenizerConfiguration["tokenizer_class"]?.string ?? configuration["tokenizer_class"]?.string
  }

  /// `model_type` of config.json.
  var modelType: String? { (configuration["text_config"]?["model_type"] ?? configuration["model_type"])?.string }

  // MARK: - The Llama class

  /// Whether the transformers library (5.24) reads the folder with its Llama tokenizer, which takes vocabulary, merges
  /// and added tokens from the files and nothing else. It never does so where the vocabulary is one over bytes.
  var isOfLlamaClass: Bool {
    guard tokenizerConfiguration["auto_map"] == nil else { return false }
    let name = tokenizerClass
    guard name == "LlamaTokenizer" || name == "LlamaTokenizerFast" else { return false }
    return configuration["model_type"]?.string.map { !Self.modelTypesWithoutLlamaClass.contains($0) } ?? true
  }

  /// Where the Llama class puts a space.
  var llamaPrefix: SpacePrefix {
    guard flag("add_prefix_space") ?? true else { return SpacePrefix(places: .nowhere) }
    return SpacePrefix(places: flag("legacy") ?? false ? .everySegment : .beginning)
  }

  /// What the Llama class takes where no file tells.
  private static let llamaTokens = ["bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"]

  /// Kinds of models whose `tokenizer_class` the library does not believe: those of decoders in its tables
  /// `TOKENIZER_MAPPING_NAMES` and `MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS`.
  private static let modelTypesWithoutLlamaClass: Set<String> = [
    "arctic", "ernie4_5", "ernie4_5_moe", "flex_olmo", "glm", "glm4", "glm4_moe", "gpt_bigcode", "granite",
    "granitemoe",
    "granitemoehybrid", "granitemoeshared", "internlm2", "internlm3", "jamba", "kimi_linear", "llava", "llava_next",
    "mimo_v2_flash", "minicpm3", "minimax_m2", "ministral", "ministral3", "mistral", "mistral3", "mixtral", "nemotron",
    "olmo2", "olmo3", "olmo_hybrid", "persimmon", "phi3", "phimoe", "pixtral", "qwen2", "qwen3_5", "qwen3_5_moe",
    "qwen3_5_moe_text", "stablelm", "vipllava", "voxtral",
  ]

  // MARK: - Added tokens

  /// - Parameter listed: what `added_tokens.json` says.
  private mutating func readAddedTokens(listed: [String: JSONValue]) throws(FileError) {
    addedTokens = try Self.addedTokens(
      in: tokenizerConfiguration["added_tokens_decoder"],
      path: FileSystem.join(folder, Self.tokenizerConfigurationName))
    let described = Set(addedTokens.map(\.content))
    let special = specialTokens
    for (content, id) in listed where !described.contains(content) {
      guard let id = id.int, let id = Int32(exactly: id), id >= 0 else {
        throw FileError(
          .malformed, path: FileSystem.join(folder, "added_tokens.json"), subject: content,
          "the value is not a token id")
      }
      addedTokens.append(AddedToken(id: id, content: content, isSpecial: special.contains(content)))
    }
    addedTokens.sort { $0.id < $1.id }
  }

  /// The tokens of an `added_tokens_decoder`.
  static func addedTokens(in decoder: JSONValue?, path: String) throws(FileError) -> [AddedToken] {
    var tokens: [AddedToken] = []
    for (key, entry) in decoder?.object ?? [:] {
      guard let id = Int(key) else {
        throw FileError(.malformed, path: path, subject: "added_tokens_decoder", "\(shown(key)) is not a token id")
      }
      tokens.append(try added(entry, id: id, path: path, subject: "added_tokens_decoder"))
    }
    return tokens
  }

  /// The tokens that have a role, which says of a list without flags what is special.
  private var specialTokens: Set<String> {
    let more = tokenizerConfiguration["additional_special_tokens"]?.array ?? []
    return Set(more.compactMap { $0.string ?? $0["content"]?.string } + Self.roles.compactMap(token))
  }

  static let roles = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "mask_token", "cls_token"]

  /// One entry of `added_tokens` or `added_tokens_decoder`.
  static func added(_ entry: JSONValue, id: Int, path: String, subject: String) throws(FileError) -> AddedToken {
    guard let id = Int32(exactly: id), id >= 0 else {
      throw FileError(.malformed, path: path, subject: subject, "\(id) is not a token id")
    }
    guard let content = entry["content"]?.string else {
      throw FileError(.malformed, path: path, subject: subject, "the token with id \(id) has no content")
    }
    guard content.utf8.count <= AddedTokenMatcher.longest else {
      throw FileError(
        .unsupported, path: path, subject: subject,
        "the token with id \(id) has \(content.utf8.count) bytes; at most \(AddedTokenMatcher.longest) are supported")
    }
    let isSpecial = entry["special"]?.bool ?? false
    return AddedToken(
      id: id, content: content, isSpecial: isSpecial,
      stripsLeft: entry["lstrip"]?.bool ?? false, stripsRight: entry["rstrip"]?.bool ?? false,
      isSingleWord: entry["single_word"]?.bool ?? false, isNormalized: entry["normalized"]?.bool ?? !isSpecial)
  }

  // MARK: - Chat templates

  /// - Parameter file: `chat_template.json`, which goes before what `tokenizer_config.json` says.
  private mutating func readTemplates(file: JSONValue) throws(FileError) {
    let value = tokenizerConfiguration["chat_template"] ?? .null
    if let template = value.string { set(template, named: Self.defaultTemplate) }
    for entry in value.array ?? [] {
      guard let name = entry["name"]?.string, let template = entry["template"]?.string else {
        throw FileError(
          .malformed, path: FileSystem.join(folder, Self.tokenizerConfigurationName), subject: "chat_template",
          "an entry of the list has no name or no template")
      }
      set(template, named: name)
    }
    if let template = file["chat_template"]?.string { set(template, named: Self.defaultTemplate) }
  }

  /// Files of templates go before what the documents say, as in the transformers library.
  private mutating func readTemplateFiles() throws(FileError) {
    let file = FileSystem.join(folder, "chat_template.jinja")
    if try FileSystem.hasFile(file) { set(try Self.text(file), named: Self.defaultTemplate) }
    let more = FileSystem.join(folder, "additional_chat_templates")
    if try FileSystem.isFolder(more) {
      for name in try FileSystem.names(inFolder: more) where name.hasSuffix(".jinja") {
        set(try Self.text(FileSystem.join(more, name)), named: String(name.dropLast(".jinja".count)))
      }
    }
  }

  private static let defaultTemplate = "default"

  private mutating func set(_ template: String, named name: String) {
    if name == Self.defaultTemplate { return chatTemplate = template }
    if let place = templatePlaces.updateValue(templates.count, forKey: name) { templates[place] = nil }
    templates.append(.init(name: name, template: template))
  }

  private static func text(_ path: String) throws(FileError) -> String {
    let bytes = try InputFile.contents(of: path, limit: 16 << 20)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw FileError(.malformed, path: path, "the template is not valid UTF-8")
    }
    return text
  }
}
