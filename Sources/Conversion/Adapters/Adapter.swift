internal import Architectures
public import Bytes
internal import GGUF
internal import JSON
internal import Tensors
internal import Tokenizers

/// A LoRA adapter, in one of the spellings that are known: of PEFT, of MLX, or a GGUF.
///
/// Source of the arithmetic and of the names: PEFT's `LoraLayer`, `ModulesToSaveWrapper`, `TrainableTokensLayer` and
/// `save_pretrained`; mlx-lm's `LoRALinear`, `DoRALinear` and `load_adapters`; llama.cpp's `llama_adapter_lora_init`.
public struct Adapter: Sendable {
  public let path: String
  let spelling: AdapterSpelling
  /// The file with the settings, where they have one.
  private let configPath: String?
  /// The files that hold its weights.
  let weightFiles: [String]
  /// The metadata of a GGUF.
  let metadata: GGUFMetadata?
  /// What the whole change is multiplied by; 1 unless the person says otherwise.
  public let weight: Float
  /// The adapter's own tensors.
  public let tensors: [any StoredWeight]
  /// Where they are stored.
  let source: any TensorSource
  let config: AdapterConfig
  /// What the adapter holds for each module of the model, by the name that the spelling has for it: parts with the names
  /// of the tensors.
  let modules: [String: [AdapterKey.Part: String]]
  private let settings: [String: ModuleSettings]

  /// Opens a folder, and reads every value once to refuse numbers that are not finite.
  /// - Throws: `FileError` when a file is missing, or asks for something that is not supported.
  public init(path: String, weight: Float = 1) throws(FileError) {
    try self.init(opening: path, weight: weight)
    for tensor in tensors { try NonFinite.refuse(in: tensor, path: source.name) }
  }

  /// Reads the settings and the header alone.
  init(opening path: String, weight: Float = 1) throws(FileError) {
    let path = try HubCache.resolved(path)
    self.path = path
    self.weight = weight
    let files = try AdapterFiles(at: path)
    spelling = files.spelling
    configPath = files.config
    // First, as it is small and says what is meant.
    let settings = try files.config.map { path throws(FileError) in try AdapterConfig(files.spelling, path: path) }
    let opened = try Recognition.open(files.weights)
    weightFiles = opened.files
    metadata = opened.metadata
    source = opened.source
    tensors = try WeightLayouts.weights(
      of: opened.source, config: nil, refusesForeign: files.spelling != .gguf
    ).weights
    let modules = try Self.modules(of: tensors, files.spelling, path: files.weights)
    self.modules = modules
    if let settings {
      config = settings
      self.settings = config.settings(of: modules.keys)
    } else {
      config = try AdapterConfig(metadata: opened.metadata ?? GGUFMetadata(), path: files.weights)
      self.settings = try Self.settings(of: modules, tensors, config, path: files.weights)
    }
  }

  /// Every path that is read.
  var inputPaths: [String] {
    get throws(FileError) {
      [path] + [configPath].compactMap(\.self) + weightFiles
        + (try tokenizerFolder.map(ModelFolder.inputPaths) ?? [])
    }
  }

  /// Bytes of the files that hold its weights.
  public var fileByteCount: Int { source.fileByteCount }

  public var bitsPerWeight: Double {
    let (bits, count) = tensors.reduce((0.0, 0)) { ($0.0 + Double($1.byteCount) * 8, $0.1 + $1.elementCount) }
    return count == 0 ? 0 : bits / Double(count)
  }

  /// Whether single rows of an embedding were trained.
  var trainsTokens: Bool { config.tokenRows.contains { !$0.rows.isEmpty } }

  /// The folder, where a tokenizer lies in it.
  var tokenizerFolder: String? {
    get throws(FileError) {
      guard spelling != .gguf else { return nil }
      return try TokenizerFolder.hasVocabulary(path) ? path : nil
    }
  }

  private static func modules(
    of tensors: [any StoredWeight], _ spelling: AdapterSpelling, path: String
  ) throws(FileError) -> [String: [AdapterKey.Part: String]] {
    var modules: [String: [AdapterKey.Part: String]] = [:]
    var adapters: Set<String> = []
    for tensor in tensors {
      guard let key = AdapterKey(tensor.name, spelling) else {
        throw FileError(.unsupported, path: path, subject: tensor.name, Self.unknown)
      }
      if let other = modules[key.module, default: [:]].updateValue(tensor.name, forKey: key.part) {
        throw FileError(
          .malformed, path: path, subject: tensor.name, "is in the adapter twice, as \(FileError.quoted(other)) too")
      }
      if let adapter = key.adapter { adapters.insert(adapter) }
    }
    guard adapters.count <= 1 else {
      throw FileError(
        .unsupported, path: path,
        "holds tensors of several adapters: \(adapters.sorted().joined(separator: ", ")); save each by itself")
    }
    return modules
  }

  static let unknown = "is not part of a LoRA adapter that is known"

  // MARK: - Settings

  /// What a GGUF says of its modules: the ranks are those of the factors.
  private static func settings(
    of modules: [String: [AdapterKey.Part: String]], _ tensors: [any StoredWeight], _ config: AdapterConfig,
    path: String
  ) throws(FileError) -> [String: ModuleSettings] {
    let shapes = Dictionary(tensors.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
    var settings: [String: ModuleSettings] = [:]
    for (module, parts) in modules.sorted(by: { $0.key < $1.key }) {
      guard let down = parts[.down], let up = parts[.up] else {
        throw FileError(
          .malformed, path: path, subject: module, "has only one of the factors lora_a and lora_b")
      }
      guard let rank = shapes[up]?.last, rank > 0 else {
        throw FileError(.malformed, path: path, subject: up, "has no rank")
      }
      settings[module] = config.settings(rank: rank)
      // Of the embedding the rows of the first factor are tokens.
      let own = module == AdapterKey.ggufEmbedding ? shapes[down]?.last : shapes[down]?.dropLast().last
      guard own == rank else {
        throw FileError(
          .mismatch, path: path, subject: down,
          "has shape \(shapes[down] ?? []), but the rank of \(FileError.quoted(up)) is \(rank)")
      }
    }
    return settings
  }

  func settings(of module: String) throws(FileError) -> ModuleSettings {
    guard let settings = settings[module] else { throw FileError.noSuchTensor(module, in: path) }
    return settings
  }

  /// The rank that the configuration names for a module's factors.
  func rank(of module: String) throws(FileError) -> Int { try config.rank(try settings(of: module)) }

  /// What the product of a module's factors is multiplied by.
  func scale(of module: String) throws(FileError) -> Float {
    let scale = config.scale(try settings(of: module), rank: try rank(of: module)) * weight
    guard scale.isFinite else {
      throw FileError(
        .unsupported, path: path, subject: module,
        "the scale of its change, times the weight \(weight), is beyond the range of F32; use a smaller weight")
    }
    return scale
  }

  /// - Throws: `FileError` where the change is to be weighted, and replaces what the model has.
  func refuseWeight(for stored: String) throws(FileError) {
    guard weight == 1 else {
      throw FileError(
        .unsupported, path: path, subject: stored,
        "replaces what the model has, so that a weight of \(weight) has no meaning here; use weight 1")
    }
  }

  // MARK: - Factors

  /// Stored factors as PEFT has them: `[rank, in]` and `[out, rank]`. MLX stores them the other way round, and those of an
  /// embedding as they are multiplied, for a weight `[out, in]` too.
  func factors(_ stored: FactorPair, ofEmbedding isEmbedding: Bool) -> FactorPair {
    guard spelling == .mlx else { return stored }
    if isEmbedding { return FactorPair(down: stored.up, up: stored.down) }
    return FactorPair(down: stored.down.applying(Transposition()), up: stored.up.applying(Transposition()))
  }

  // MARK: - Fitting

  /// - Throws: `FileError` where the adapter says that it is for another architecture than the model's.
  func checkArchitecture(of checkpoint: Checkpoint) throws(FileError) {
    guard spelling == .gguf else { return }
    let own = metadata?["general.architecture"]?.string
    let expected = checkpoint.model?.ggufArchitecture ?? checkpoint.metadata?["general.architecture"]?.string
    guard let expected else {
      throw FileError(
        .unsupported, path: path,
        "has the names that ggml gives to tensors, and nothing is known of the model \(checkpoint.path) that tells which "
          + "of its tensors these are", remedy: .seeFamilies)
    }
    guard own == expected else {
      throw FileError(
        .mismatch, path: path, subject: "general.architecture",
        "is \(own.map(FileError.quoted) ?? "missing, or no string"), but the model is of the architecture "
          + FileError.quoted(expected))
    }
  }
}
