internal import Bytes
internal import GGUF
internal import JSON
internal import Tensors

/// The files of an adapter, by their names, and what people name in place of one.
struct AdapterFiles {
  let spelling: AdapterSpelling
  /// The settings; nil where the file with the weights says them.
  let config: String?
  let weights: String

  static let config = "adapter_config.json"
  static let weights = "adapter_model.safetensors"
  private static let pickle = "adapter_model.bin"
  static let mlxWeights = "adapters.safetensors"
  private static let oldMLXWeights = "adapters.npz"

  /// `general.type` of a GGUF that is an adapter.
  static let ggufType = "adapter"

  private init(_ spelling: AdapterSpelling, config: String?, weights: String) {
    self.spelling = spelling
    self.config = config
    self.weights = weights
  }

  /// - Throws: `FileError` that says what the path holds in place of an adapter.
  init(at path: String) throws(FileError) {
    guard try FileSystem.exists(path) else {
      throw FileError(.missing, path: path, "no such file or folder; \(Self.description)")
    }
    guard try FileSystem.isFolder(path) else {
      self = try Self.file(path)
      return
    }
    let names = Set(try FileSystem.names(inFolder: path))
    if let folder = try Self.folder(path, names) {
      self = folder
      return
    }
    let ggufs = names.filter { $0.hasFileEnding(Container.gguf.fileEnding) }
    if ggufs.count == 1, let name = ggufs.first, !names.contains(Self.config) {
      self = try Self.file(FileSystem.join(path, name))
      return
    }
    throw try Self.refusal(ofFolder: path, names)
  }

  private static let description =
    "an adapter is a folder with \(config) and \(weights) (PEFT) or \(mlxWeights) (MLX), or a GGUF"

  /// The folder of PEFT or MLX; nil for any other. Of both names of PEFT the one that PEFT takes.
  private static func folder(_ path: String, _ names: Set<String>) throws(FileError) -> AdapterFiles? {
    guard names.contains(config) else { return nil }
    let settings = FileSystem.join(path, config)
    let name = [weights, pickle].first(where: names.contains)
    // Of both, the settings tell.
    var isOfMLX = name == nil
    if name != nil, names.contains(mlxWeights) { isOfMLX = AdapterConfig.isOfMLX(try Checkpoint.json(at: settings)) }
    if isOfMLX, names.contains(mlxWeights) {
      return AdapterFiles(.mlx, config: settings, weights: FileSystem.join(path, mlxWeights))
    }
    return name.map { AdapterFiles(.peft, config: settings, weights: FileSystem.join(path, $0)) }
  }

  private static func file(_ path: String) throws(FileError) -> AdapterFiles {
    let name = FileSystem.lastComponent(path)
    if [config, weights, pickle, mlxWeights].contains(name) {
      throw FileError(
        .unsupported, path: path, "is a part of an adapter; name its folder, \(FileSystem.parent(path))")
    }
    if name == oldMLXWeights { throw oldMLX(path) }
    guard try Container.of(Packing.open(path)) == .gguf else {
      throw FileError(.unsupported, path: path, "is a file, but no GGUF; \(description)")
    }
    let kind = try GGUFFile(path: path).metadata["general.type"]?.string
    guard kind == ggufType else {
      throw FileError(
        .unsupported, path: path,
        "is \(kind.map { $0 == "model" ? "a whole model" : "of the kind \(FileError.quoted($0))" } ?? "a whole model") in "
          + "GGUF, not an adapter (general.type); \(description)")
    }
    return AdapterFiles(.gguf, config: nil, weights: path)
  }

  private static func oldMLX(_ path: String) -> FileError {
    FileError(
      .unsupported, path: path,
      "is an adapter of an old MLX, in a form that is not read; fuse it there (mlx_lm.fuse), and convert the model that "
        + "this saves")
  }

  private static func refusal(ofFolder path: String, _ names: Set<String>) throws(FileError) -> FileError {
    if names.contains(oldMLXWeights) { return oldMLX(FileSystem.join(path, oldMLXWeights)) }
    if let found = [weights, pickle, mlxWeights].first(where: names.contains) {
      return FileError(
        .missing, path: FileSystem.join(path, config),
        "the adapter's settings are missing, and its scale is not in \(found); fetch the file from where it came from")
    }
    if names.contains(config) {
      return FileError(.missing, path: FileSystem.join(path, weights), "the adapter has no weights")
    }
    var inner: [String] = []
    for name in names.sorted(by: LayerNames.precedes) where try FileSystem.isFolder(FileSystem.join(path, name)) {
      if try FileSystem.hasFile(FileSystem.join(FileSystem.join(path, name), config)) { inner.append(name) }
    }
    if let last = inner.last {
      return FileError(
        .unsupported, path: path,
        "holds \(inner.count == 1 ? "an adapter in a folder of its own" : "\(inner.count) adapters"), such as \(last); "
          + "name the one to merge: \(FileSystem.join(path, last))")
    }
    let ggufs = names.filter { $0.hasFileEnding(Container.gguf.fileEnding) }
    if ggufs.count > 1 {
      return FileError(.unsupported, path: path, "holds \(ggufs.count) GGUF files; name the one to merge")
    }
    if names.contains("config.json") || names.contains(where: ModelFolder.isWeights) {
      return FileError(
        .unsupported, path: path,
        "is a whole model, not an adapter: there is no \(config). What was trained on all weights needs no merging")
    }
    return FileError(.missing, path: FileSystem.join(path, config), "is not there; a folder with an adapter has one")
  }
}
