internal import Architectures
public import Bytes
internal import JSON

/// The model that an adapter is for, as far as a GGUF of the adapter needs it: no weight of it is read, nor need be there.
public struct AdapterBase: Sendable {
  let path: String
  let model: any Model
  /// Every path that is read.
  let inputPaths: [String]

  /// Opens a folder with a config.json, or any model that says what it is.
  /// - Throws: `FileError` when that is not known.
  public init(path: String) throws(FileError) {
    let folder = try HubCache.resolved(path)
    let configPath = FileSystem.join(folder, "config.json")
    self.path = path
    guard try FileSystem.isFolder(folder), try FileSystem.hasFile(configPath) else {
      let checkpoint = try Checkpoint(path: path)
      model = try checkpoint.requireModel()
      inputPaths = try checkpoint.inputPaths
      return
    }
    let config = try Checkpoint.json(at: configPath)
    guard let family = ModelFamilies.family(ofConfig: config) else {
      throw Checkpoint.unknownFamily(config, path: configPath)
    }
    model = try family.model(fromConfig: config, path: configPath)
    inputPaths = [path, configPath]
  }
}
