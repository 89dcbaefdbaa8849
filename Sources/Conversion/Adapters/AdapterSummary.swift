public import Bytes
public import GGUF
internal import JSON
internal import Tensors

/// What an adapter is, for people to look at: read from its settings and the header of its weights.
///
/// An adapter that cannot be merged is described too, as far as its settings go; `obstacle` says why it cannot.
public struct AdapterSummary: Sendable {
  /// Modules of one name, such as `q_proj`, with their number.
  public struct Modules: Sendable {
    public let name: String
    public let count: Int
  }

  /// The folder or file.
  public let path: String
  /// By which program it was written: `PEFT`, `MLX` or `GGUF`.
  public let spelling: String
  /// PEFT's name of the kind: `LORA`. Nil where the settings do not say.
  public let kind: String?
  /// The model it was trained on, as the training named it.
  public let baseModel: String?
  /// The ranks of its modules, each once, in ascending order.
  public private(set) var ranks: [Int] = []
  /// The alphas of its modules, likewise.
  public private(set) var alphas: [Double] = []
  /// What the products of factors are multiplied by: alpha / rank, or alpha / sqrt(rank) for rsLoRA.
  public private(set) var scales: [Double] = []
  public private(set) var usesDoRA = false
  public private(set) var usesRankStabilizedScale = false
  /// Where factors were trained.
  public private(set) var modules: [Modules] = []
  /// The parameters of the model that the adapter holds whole.
  public private(set) var wholeParameters: [String] = []
  /// Rows of embeddings that were trained by themselves.
  public private(set) var tokenCount = 0
  /// Weights of the adapter.
  public private(set) var parameterCount = 0
  /// Bytes of its file.
  public let byteCount: Int
  /// Why it cannot be merged; nil where nothing is in the way so far.
  public private(set) var obstacle: FileError?

  /// Whether the metadata of a GGUF are those of an adapter.
  public static func isAdapter(_ metadata: GGUFMetadata) -> Bool {
    metadata["general.type"]?.string == AdapterFiles.ggufType
  }

  /// Whether a path is the folder of an adapter, as far as the names of files tell.
  /// - Throws: `FileError` when that cannot be told.
  public static func isAdapter(_ path: String) throws(FileError) -> Bool {
    guard try FileSystem.isFolder(path) else { return false }
    let folder = try HubCache.resolved(path)
    guard try FileSystem.hasFile(FileSystem.join(folder, AdapterFiles.config)) else { return false }
    return try !FileSystem.hasFile(FileSystem.join(folder, "config.json"))
  }

  /// - Throws: `FileError` when there are no settings, or they are not JSON.
  public init(path: String) throws(FileError) {
    let path = try HubCache.resolved(path)
    self.path = path
    guard try FileSystem.isFolder(path) else {
      let adapter = try Adapter(opening: path)
      (spelling, kind, baseModel) = (adapter.spelling.name, "LORA", adapter.config.baseModel)
      byteCount = adapter.source.fileByteCount
      try describe(adapter)
      return
    }
    let settings = try Checkpoint.json(at: FileSystem.join(path, AdapterFiles.config))
    let files = try? AdapterFiles(at: path)
    let isOfMLX = AdapterConfig.isOfMLX(settings)
    spelling = (isOfMLX ? AdapterSpelling.mlx : .peft).name
    // What MLX calls DoRA is LoRA of that kind to PEFT.
    kind =
      isOfMLX ? (settings["fine_tune_type"] == "full" ? "FULL" : "LORA") : settings["peft_type"]?.string
    baseModel = settings["base_model_name_or_path"]?.string ?? settings["model"]?.string
    byteCount = try files.map { files throws(FileError) in try FileSystem.byteCount(files.weights) ?? 0 } ?? 0
    do throws(FileError) {
      try describe(try Adapter(opening: path))
    } catch {
      guard error.code != .system else { throw error }
      obstacle = error
      ranks = settings["r"]?.int.map { [$0] } ?? []
      alphas = settings["lora_alpha"]?.double.map { [$0] } ?? []
      usesDoRA = settings["use_dora"]?.bool ?? false
      usesRankStabilizedScale = settings["use_rslora"]?.bool ?? false
    }
  }

  private mutating func describe(_ adapter: Adapter) throws(FileError) {
    usesDoRA = adapter.config.usesDoRA
    usesRankStabilizedScale = adapter.config.usesRankStabilizedScale
    var counts: [String: Int] = [:]
    var scales: Set<Double> = []
    var settings: [ModuleSettings] = []
    for (module, parts) in adapter.modules {
      for part in [AdapterKey.Part.weight, .bias, .copiedWeight, .copiedBias] {
        if parts[part] != nil { wholeParameters.append(module + (part.isBias ? ".bias" : ".weight")) }
      }
      guard parts[.down] != nil || parts[.embeddingDown] != nil else { continue }
      counts[module.split(separator: ".").last.map(String.init) ?? module, default: 0] += 1
      let own = try adapter.settings(of: module)
      settings.append(own)
      scales.insert(Double(adapter.config.scale(own, rank: try adapter.config.rank(own))))
    }
    wholeParameters = Set(wholeParameters).sorted()
    modules = counts.sorted { $0.key < $1.key }.map { Modules(name: $0.key, count: $0.value) }
    ranks = Set(settings.map { Int($0.rank) }).sorted()
    alphas = Set(settings.map(\.alpha)).sorted()
    self.scales = scales.sorted()
    tokenCount = adapter.config.tokenRows.reduce(0) { $0 + $1.rows.count }
    parameterCount = adapter.tensors.reduce(0) { $0 + $1.elementCount }
  }
}

extension AdapterKey.Part {
  fileprivate var isBias: Bool { self == .bias || self == .copiedBias }
}
