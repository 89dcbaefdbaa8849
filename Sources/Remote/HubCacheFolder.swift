internal import Bytes
internal import JSON

/// The cache of huggingface_hub on this machine, which is only read.
///
/// Source: huggingface_hub, "Understand caching".
struct HubCacheFolder: Sendable {
  let path: String

  /// The folder with the files of a revision; nil where it is not known, or nothing of it is there.
  func snapshot(of name: HubName) throws(FileError) -> String? {
    let repository = FileSystem.join(path, "models--" + name.repository.replacing("/", with: "--"))
    let revision = name.revision ?? "main"
    var commit = revision
    let reference = FileSystem.join(repository, "refs/" + revision)
    if try FileSystem.isFile(reference) {
      let text = String(decoding: try InputFile.contents(of: reference, limit: 4096), as: UTF8.self)
      commit = text.filter { !$0.isWhitespace }
    }
    guard !commit.isEmpty, !commit.contains("/"), commit != "..", commit != "." else { return nil }
    let snapshot = FileSystem.join(FileSystem.join(repository, "snapshots"), commit)
    return try FileSystem.isFolder(snapshot) ? snapshot : nil
  }

  /// Whether a snapshot holds weights, and every shard that an index of it lists: a program may have fetched a part only.
  static func isWhole(_ snapshot: String) throws(FileError) -> Bool {
    let names = try FileSystem.names(inFolder: snapshot)
    let indexes = names.filter { $0.hasFileEnding(".index.json") }
    var shards: [String] = []
    for index in indexes {
      shards += FolderNames.listed(
        by: try InputFile.contents(of: FileSystem.join(snapshot, index), limit: 64 << 20))
    }
    // One of two kinds of weights is enough.
    let kinds = Dictionary(grouping: shards) { $0.hasFileEnding(".safetensors") }
    if !kinds.isEmpty { return kinds.values.contains { $0.allSatisfy(names.contains) } }
    return names.contains { name in
      [".safetensors", ".gguf", ".bin", ".pth", ".pt"].contains { name.hasFileEnding($0) }
    }
  }
}
