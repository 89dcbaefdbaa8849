internal import Architectures
internal import Bytes
internal import GGUF
internal import JSON
internal import Tensors

extension Checkpoint {
  /// The name that the model has wherever it lies: that of its repository, by the folder of a hub cache or by config.json.
  /// Nil where neither says, and for a GGUF, which has its name in the metadata. The name of a folder is none: the same job
  /// would give other bytes elsewhere.
  var modelName: String? {
    get throws(FileError) {
      guard metadata == nil else { return nil }
      if let name = RemoteStores.modelName(of: folder ?? path) { return name }
      return Self.repository(
        ofCached: try FileSystem.resolved(folder ?? path) ?? path)
        ?? Self.repository(ofCached: path) ?? config?["_name_or_path"]?.string.flatMap(Self.name(ofRepository:))
    }
  }

  /// `name` of `.../models--org--name/snapshots/...`.
  static func repository(ofCached path: String) -> String? {
    hubName(ofCached: path).flatMap(name(ofRepository:))
  }

  /// `org/name` of `.../models--org--name/snapshots/...`.
  static func hubName(ofCached path: String) -> String? {
    let folder = path.split(separator: "/").last { $0.hasPrefix("models--") }
    return folder.map { String($0.dropFirst("models--".count).replacing("--", with: "/")) }
  }

  /// `name` of `org/name`; nil for what is rather a path.
  static func name(ofRepository text: String) -> String? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") && !$0.hasPrefix("~") }),
      let name = parts.last, !name.contains("\\")
    else { return nil }
    return String(name)
  }
}

extension Checkpoint {
  /// Whether there is a head apart from the embedding.
  public var hasHead: Bool { tensors.contains { TensorRole(name: $0.name) == .output } }

  /// Layers of the model: a GGUF tells whatever the architecture.
  /// - Throws: `FileError` where nothing tells.
  public var layerCount: Int {
    get throws(FileError) {
      guard model == nil, let metadata, let architecture = metadata["general.architecture"]?.string else {
        return try requireModel().layerCount
      }
      let key = "\(architecture).block_count"
      guard let value = metadata[key] else { throw FileError(.missing, path: path, subject: key, "is missing") }
      guard let count = value.integer, (1...10_000).contains(count) else {
        throw FileError(.malformed, path: path, subject: key, "is not a whole number between 1 and 10000")
      }
      return count
    }
  }
}
