internal import Bytes

/// A repository in the cache of huggingface_hub, `models--org--name`: snapshots, of which `refs/main` names one.
///
/// Source: huggingface_hub, "Understand caching".
enum HubCache {
  /// The folder with the files of the repository that `path` is; any other path as it is.
  /// - Throws: `FileError` when it cannot be told which snapshot is meant.
  static func resolved(_ path: String) throws(FileError) -> String {
    // The cache is a folder of this machine.
    guard !RemoteStores.own(path) else { return path }
    let snapshots = FileSystem.join(path, "snapshots")
    guard try FileSystem.isFolder(path), try FileSystem.isFolder(snapshots), try isRepository(path) else { return path }
    var names: [String] = []
    for name in try FileSystem.names(inFolder: snapshots)
    where try FileSystem.isFolder(FileSystem.join(snapshots, name)) {
      names.append(name)
    }
    let main = FileSystem.join(path, "refs/main")
    if try FileSystem.hasFile(main) {
      let text = String(decoding: try InputFile.contents(of: main, limit: 4096), as: UTF8.self)
      let name = text.filter { !$0.isWhitespace }
      guard names.contains(name) else {
        throw FileError(
          .missing, path: main,
          "names the snapshot \(FileError.quoted(name)), which is not there; download the model again, or name one of "
            + snapshots)
      }
      return FileSystem.join(snapshots, name)
    }
    guard let only = names.first else {
      throw FileError(.missing, path: path, "holds no snapshot of the model; download it again")
    }
    guard names.count == 1 else {
      throw FileError(
        .mismatch, path: path,
        "holds \(names.count) snapshots, and no refs/main says which one is meant; name one, such as snapshots/\(only)")
    }
    return FileSystem.join(snapshots, only)
  }

  private static func isRepository(_ path: String) throws(FileError) -> Bool {
    for name in ["refs", "blobs"] where try FileSystem.isFolder(FileSystem.join(path, name)) { return true }
    return false
  }
}
