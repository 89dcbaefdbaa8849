public import Bytes
internal import JSON
internal import Tensors
internal import Tokenizers

/// A LoRA adapter as PEFT writes it: `adapter_config.json` and `adapter_model.safetensors`, or once `adapter_model.bin`.
///
/// Source of the arithmetic and of the names: PEFT's `LoraLayer`, `ModulesToSaveWrapper`, `TrainableTokensLayer` and
/// `save_pretrained`.
public struct Adapter: Sendable {
  public let path: String
  /// The files that hold its weights.
  let weightFiles: [String]
  /// What the whole change is multiplied by; 1 unless the person says otherwise.
  public let weight: Float
  /// The adapter's own tensors.
  public let tensors: [any StoredWeight]
  /// Where they are stored.
  let source: any TensorSource
  let config: AdapterConfig
  /// What the adapter holds for each module of the model: parts with the names of the tensors.
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
    try AdapterFolder.check(path)
    config = try AdapterConfig(path: FileSystem.join(path, AdapterFolder.config))
    let file = try AdapterFolder.weightsPath(in: path)
    weightFiles = [file]
    let source = try Recognition.open(file).source
    self.source = source
    tensors = try WeightLayouts.weights(of: source, config: nil).weights
    modules = try Self.modules(of: tensors, path: file)
    settings = config.settings(of: modules.keys)
  }

  /// Every path that is read.
  var inputPaths: [String] {
    get throws(FileError) {
      [path, FileSystem.join(path, AdapterFolder.config)] + weightFiles
        + (try tokenizerFolder.map(ModelFolder.inputPaths) ?? [])
    }
  }

  /// Whether single rows of an embedding were trained.
  var trainsTokens: Bool { config.tokenRows.contains { !$0.rows.isEmpty } }

  /// The folder, where a tokenizer lies in it.
  var tokenizerFolder: String? {
    get throws(FileError) { try TokenizerFolder.hasVocabulary(path) ? path : nil }
  }

  private static func modules(
    of tensors: [any StoredWeight], path: String
  ) throws(FileError) -> [String: [AdapterKey.Part: String]] {
    var modules: [String: [AdapterKey.Part: String]] = [:]
    var adapters: Set<String> = []
    for tensor in tensors {
      guard let key = AdapterKey(tensor.name) else {
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
}
