internal import Synchronization

/// The stores that paths are looked up in, besides the file system. None, unless a program adds them.
public enum RemoteStores {
  private static let all = Mutex<[any RemoteStore]>([])

  /// Looks paths up in these too, from now on. For programs, not for libraries: it concerns the whole process.
  public static func add(_ stores: [any RemoteStore]) { all.withLock { $0 += stores } }

  /// The store that answers for a path; nil for one of the file system.
  static func store(of path: String) -> (any RemoteStore)? {
    // What has no scheme needs no look at the list.
    guard path.utf8.contains(UInt8(ascii: ":")) else { return nil }
    return all.withLock { $0 }.first { $0.owns(path) }
  }

  /// Whether a path is one of a store.
  public static func own(_ path: String) -> Bool { store(of: path) != nil }

  /// The path that a word of a command line stands for, the word itself where no store has one for it.
  /// - Throws: `FileError` when a store is meant and cannot read it.
  public static func path(naming word: String) throws(FileError) -> String {
    for store in all.withLock({ $0 }) {
      if let path = try store.path(naming: word) { return path }
    }
    return word
  }

  /// The name of the model at a path, where a store has one for it.
  public static func modelName(of path: String) -> String? { store(of: path)?.modelName(of: path) }

  /// - Throws: `FileError` where a path is one of a store, and something is to be written there.
  public static func refuseWriting(to path: String) throws(FileError) {
    guard own(path) else { return }
    throw FileError(
      .unsupported, path: path, "is not on this machine, and nothing is written elsewhere; name a file or folder here")
  }
}
