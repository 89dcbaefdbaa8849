internal import Synchronization

/// A small file in which one run at a time keeps what it knows, replaced as a whole now and then.
///
/// As long as this is alive other runs are kept from the file by an empty one beside it, `.NAME.lock`.
public final class KeptFile: Sendable {
  public let path: String
  private let reading: [String]
  private let lock: LockFile
  /// What has the name as far as this run knows; nil for nothing. What else it should be is somebody's.
  private let standing: Mutex<FolderContents.Entry?>

  /// - Parameter reading: paths of files that it is made of. Who may not read one may not read it.
  /// - Throws: `FileError` with the code `exists` while another run has the file, or something is in the way of its lock.
  public init(_ path: String, reading: [String]) throws(FileError) {
    self.path = path
    self.reading = reading
    lock = try LockFile(for: path)
    do throws(FileError) {
      try Self.removeLeft(path)
      standing = Mutex(try Self.entry(path))
    } catch {
      try? lock.remove()
      throw error
    }
  }

  // Empty, and nobody's if it cannot be removed.
  deinit { try? lock.remove() }

  /// Removes what a run has left that was killed while it wrote the file.
  private static func removeLeft(_ path: String) throws(FileError) {
    let name = FileSystem.lastComponent(path)
    try StagedOutput.removeLeft(.files, in: FileSystem.parent(path), files: [.init(name: name, byteCount: nil)])
  }

  private static func entry(_ path: String) throws(FileError) -> FolderContents.Entry? {
    try SystemCall.status(ofPath: path, followingLinks: false).map(FolderContents.Entry.init)
  }

  private func requireUnchanged() throws(FileError) {
    let now = try Self.entry(path)
    guard standing.withLock({ $0 }) == now else {
      throw FileError(
        .exists, path: path,
        now == nil
          ? "was removed while a run kept there what it knows"
          : "was put there or changed while a run kept there what it knows; move it away")
    }
  }

  /// Writes the whole file.
  /// - Throws: `FileError` when the system refuses, or somebody has put something in its place.
  public func replace(with bytes: [UInt8]) throws(FileError) {
    try requireUnchanged()
    let output = try StagedOutput(
      .files, in: FileSystem.parent(path), files: [.init(name: FileSystem.lastComponent(path), byteCount: bytes.count)],
      reading: reading, replacing: true)
    do throws(FileError) {
      try bytes.withBytes { span throws(FileError) in try output.write(span, file: 0, at: 0) }
      try output.commit()
    } catch {
      throw output.stopped(by: error)
    }
    let now = try Self.entry(path)
    standing.withLock { $0 = now }
  }

  /// Removes the file, and what keeps others from it. One that is not there is no error.
  /// - Throws: `FileError` when something stays.
  public func remove() throws(FileError) {
    do throws(FileError) {
      if try FileSystem.isTaken(path) {
        try requireUnchanged()
        try SystemCall.removeFile(path)
        standing.withLock { $0 = nil }
      }
      try Self.removeLeft(path)
      try lock.remove()
    } catch {
      throw FileError(error.code, path: path, "is of no more use, and cannot be removed: \(error.message)")
    }
  }
}
