internal import Bytes
internal import GGUF
internal import Tensors

/// The files of an adapter's folder, by their names, and what people name in place of one.
enum AdapterFolder {
  static let config = "adapter_config.json"
  static let weights = "adapter_model.safetensors"
  private static let pickle = "adapter_model.bin"

  /// The file with the weights: of both names, the one that PEFT takes.
  static func weightsPath(in folder: String) throws(FileError) -> String {
    let paths = [weights, pickle].map { FileSystem.join(folder, $0) }
    for path in paths where try FileSystem.hasFile(path) { return path }
    return paths[0]
  }

  static let mlxMessage =
    "is an adapter of MLX, which is not read; fuse it there (mlx_lm.fuse), and convert the model that this saves"

  /// - Throws: `FileError` that says what the path holds in place of a PEFT adapter.
  static func check(_ path: String) throws(FileError) {
    guard try FileSystem.exists(path) else {
      throw FileError(.missing, path: path, "no such folder; an adapter is a folder with \(config) and \(weights)")
    }
    guard try FileSystem.isFolder(path) else { throw try refusal(ofFile: path) }
    let names = Set(try FileSystem.names(inFolder: path))
    if names.contains(config), names.contains(weights) || names.contains(pickle) { return }
    if names.contains("adapters.safetensors") || names.contains("adapters.npz") {
      throw FileError(.unsupported, path: path, mlxMessage)
    }
    if names.contains(weights) || names.contains(pickle) {
      throw FileError(
        .missing, path: FileSystem.join(path, config),
        "the adapter's settings are missing, and its scale is not in the weights; fetch the file from where they came from"
      )
    }
    if names.contains(config) {
      throw FileError(.missing, path: FileSystem.join(path, weights), "the adapter has no weights")
    }
    var inner: [String] = []
    for name in names.sorted(by: LayerNames.precedes) where try FileSystem.isFolder(FileSystem.join(path, name)) {
      if try FileSystem.hasFile(FileSystem.join(FileSystem.join(path, name), config)) { inner.append(name) }
    }
    if let last = inner.last {
      throw FileError(
        .unsupported, path: path,
        "holds \(inner.count == 1 ? "an adapter in a folder of its own" : "\(inner.count) adapters"), such as \(last); "
          + "name the one to merge: \(FileSystem.join(path, last))")
    }
    if let gguf = names.first(where: { $0.hasFileEnding(Container.gguf.fileEnding) }) {
      throw try refusal(ofFile: FileSystem.join(path, gguf))
    }
    if names.contains("config.json") || names.contains(where: ModelFolder.isWeights) {
      throw FileError(
        .unsupported, path: path,
        "is a whole model, not an adapter: there is no \(config). What was trained on all weights needs no merging")
    }
    throw FileError(.missing, path: FileSystem.join(path, config), "is not there; a folder with an adapter has one")
  }

  private static func refusal(ofFile path: String) throws(FileError) -> FileError {
    let name = FileSystem.lastComponent(path)
    if [config, weights, pickle].contains(name) {
      return FileError(
        .unsupported, path: path, "is a part of an adapter; name its folder, \(FileSystem.parent(path))")
    }
    if name == "adapters.safetensors" { return FileError(.unsupported, path: path, mlxMessage) }
    guard try Container.of(Packing.open(path)) == .gguf else {
      return FileError(
        .unsupported, path: path, "is a file, but an adapter is a folder with \(config) and \(weights)")
    }
    let kind = try? GGUFFile(path: path).metadata["general.type"]?.string
    return FileError(
      .unsupported, path: path,
      kind == "adapter"
        ? "is an adapter in GGUF, which is not read; give the PEFT folder that it was made from, or merge it with "
          + "llama-export-lora and convert what that writes"
        : "is a whole model in GGUF, not an adapter; an adapter is a folder with \(config) and \(weights)")
  }
}
