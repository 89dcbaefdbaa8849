internal import Bytes

/// The files of a Hugging Face folder, by their names: which are read, which go along into another folder, and which an
/// output may replace. What has no row here is somebody's own.
enum ModelFolder {
  /// One kind of small file.
  private struct Kind {
    /// What of the name is compared, in small letters; one `*` stands for anything.
    let pattern: String
    /// Whether models are read with it.
    var isRead = false
    /// Whether it is copied as it is into an output that is a folder.
    var isCarried = true
    var isTokenizer = false
    /// Whether it says how the weights are quantized, and goes along only with these.
    var isOfQuantization = false

    static func tokenizer(_ names: String...) -> [Kind] {
      names.map { Kind(pattern: $0, isRead: true, isTokenizer: true) }
    }
    static func read(_ names: String...) -> [Kind] { names.map { Kind(pattern: $0, isRead: true) } }
    static func quantization(_ names: String..., isRead: Bool) -> [Kind] {
      names.map { Kind(pattern: $0, isRead: isRead, isOfQuantization: true) }
    }
    static func beside(_ names: String...) -> [Kind] { names.map { Kind(pattern: $0) } }
  }

  private static let kinds: [Kind] =
    Kind.tokenizer(
      "tokenizer.json", "tokenizer.model", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
      "vocab.json", "merges.txt", "chat_template.jinja", "chat_template.json", "tekken.json")
    + Kind.read(generationConfig, "decant.json")
    // Vocabularies that are not read here, and settings of what stands before a model.
    + Kind.beside(
      "vocab.txt", "*.model", "*.model.v*", "*.tiktoken", "normalizer.json", "preprocessor_config.json",
      "processor_config.json", "video_preprocessor_config.json", "image_processor_config.json", "params.json",
      "configuration.json")
    + Kind.quantization(
      "quanto_qmap.json", "hf_quant_config.json", "quantize_config.json", "quant_config.json", isRead: true)
    + Kind.quantization("quantization_config.json", "quant_log.csv", isRead: false)
    // What the model may be used for, and who made it.
    + Kind.beside(
      "readme*", "license*", "licence*", "copying*", "notice*", "use_policy*", "acceptable_use_policy*", "model_card*",
      "responsible_use_guide*", "citation*")
    // Code that `auto_map` of config.json or tokenizer_config.json names.
    + Kind.beside(
      "configuration_*.py", "modeling_*.py", "tokenization_*.py", "processing_*.py", "image_processing_*.py",
      "generation_utils.py")
    + [
      // Written anew.
      Kind(pattern: "config.json", isRead: true, isCarried: false),
      Kind(pattern: "*.safetensors.index.json", isCarried: false),
      Kind(pattern: "*.safetensors", isCarried: false),
      // Ours to replace, of no use elsewhere.
      Kind(pattern: ".gitattributes", isCarried: false),
    ]

  static let generationConfig = "generation_config.json"
  /// Folder of templates.
  static let templates = "additional_chat_templates"
  /// Longest file that goes along: the longest tokenizer.json is far shorter.
  private static let longest = 256 << 20
  /// The same of files that are not read.
  private static let longestBeside = 16 << 20

  static func isWeights(_ name: String) -> Bool { name.hasFileEnding(".safetensors") }

  /// Whether a file of that name is one that models have.
  static func hasFile(named name: String) -> Bool { kind(of: name) != nil }

  /// Whether a folder may be replaced as a part of a model: it is that of templates and holds nothing else.
  static func hasFolder(_ path: String) throws(FileError) -> Bool {
    guard FileSystem.lastComponent(path) == templates, try !FileSystem.isLink(path), try FileSystem.isFolder(path)
    else {
      return false
    }
    for name in try FileSystem.names(inFolder: path) {
      guard name.hasSuffix(templateEnding), try FileSystem.isFile(FileSystem.join(path, name)) else { return false }
    }
    return true
  }

  private static let templateEnding = ".jinja"

  private static func kind(of name: String) -> Kind? {
    let name = name.lowercased()
    return kinds.first { kind in
      let parts = kind.pattern.split(separator: "*", omittingEmptySubsequences: false)
      guard parts.count > 1 else { return name == kind.pattern }
      guard let first = parts.first, let last = parts.last, name.hasPrefix(first), name.hasSuffix(last) else {
        return false
      }
      let middle = parts.count == 3 ? String(parts[1]) : ""
      // `license*` is no `license.safetensors` or `licenses.py`.
      return name.utf8.count >= first.utf8.count + middle.utf8.count + last.utf8.count
        && (middle.isEmpty || name.contains(middle)) && (!last.isEmpty || parts.count == 3 || isText(name))
    }
  }

  /// Endings of texts for people; a name without one is such a text too.
  private static func isText(_ name: String) -> Bool {
    guard let point = name.lastIndex(of: ".") else { return true }
    return ["md", "txt", "rst", "html", "pdf", "cff", "bib"].contains(name[name.index(after: point)...])
  }

  /// The files of a folder that are read beside the weights, and those that may go along.
  static func inputPaths(in folder: String) throws(FileError) -> [String] {
    let names = try FileSystem.names(inFolder: folder)
    let templates = FileSystem.join(folder, templates)
    let more = try FileSystem.isFolder(templates) ? FileSystem.names(inFolder: templates) : []
    return names.filter {
      kind(of: $0).map { $0.isRead || $0.isCarried } ?? false || $0 == "model.safetensors.index.json"
    }
    .map { FileSystem.join(folder, $0) } + [templates] + more.map { FileSystem.join(templates, $0) }
  }

  // MARK: - What goes along

  /// The small files that go from one folder into another.
  struct Carried {
    var files: [Plan.Sidecar] = []
    var notes: [Note] = []
  }

  /// Which of them.
  enum Part { case all, tokenizer, allButTokenizer }

  /// - Parameters:
  ///   - isLoadedWithCode: whether a configuration names code of the folder's own.
  ///   - isQuantizedAsItWas: whether what is said of quantized weights holds.
  /// - Throws: `FileError` when a file that is needed cannot be read.
  static func carried(
    from folder: String, _ part: Part = .all, isLoadedWithCode: Bool, isQuantizedAsItWas: Bool = true
  ) throws(FileError) -> Carried {
    var carried = Carried()
    let more = FileSystem.join(folder, templates)
    let templateNames = try FileSystem.isFolder(more) ? FileSystem.names(inFolder: more) : []
    let names =
      try FileSystem.names(inFolder: folder)
      + templateNames.filter { $0.hasSuffix(templateEnding) }.map { FileSystem.join(templates, $0) }
    for name in names {
      let path = FileSystem.join(folder, name)
      let kind =
        name.hasPrefix(templates + "/")
        ? Kind(pattern: name, isRead: true, isTokenizer: true) : kind(of: name)
      guard let kind, kind.isCarried, try FileSystem.hasFile(path) else { continue }
      if part != .all, kind.isTokenizer != (part == .tokenizer) { continue }
      if kind.pattern.hasSuffix(".py"), !isLoadedWithCode { continue }
      if kind.isOfQuantization, !isQuantizedAsItWas { continue }
      let leavesFolder = try !isInside(path, folder)
      let count = try FileSystem.byteCount(path) ?? 0
      if kind.isRead {
        if leavesFolder {
          carried.notes.append("\(name) is a link that leads out of the folder; the output has a copy")
        }
        carried.files.append(Plan.Sidecar(name: name, bytes: try InputFile.contents(of: path, limit: longest)))
      } else if leavesFolder {
        carried.notes.append("\(name) is a link that leads out of the folder and was left behind")
      } else if count > longestBeside {
        carried.notes.append("\(name) has \(count) bytes and was left behind; copy it yourself if it is needed")
      } else {
        carried.files.append(Plan.Sidecar(name: name, bytes: try InputFile.contents(of: path, limit: longestBeside)))
      }
    }
    return carried
  }

  /// Whether a file lies where its name says, or in the store of the hub's cache that the folder is a snapshot of.
  private static func isInside(_ path: String, _ folder: String) throws(FileError) -> Bool {
    guard let file = try FileSystem.resolved(path), let root = try FileSystem.resolved(folder) else { return false }
    if file.hasPrefix(FileSystem.join(root, "")) { return true }
    let snapshots = FileSystem.parent(root)
    guard FileSystem.lastComponent(snapshots) == "snapshots" else { return false }
    return FileSystem.parent(file) == FileSystem.join(FileSystem.parent(snapshots), "blobs")
  }
}
