internal import Synchronization

/// An output that is being written beside its target and takes the target's name only when it is complete.
///
/// The target is one file, several files of one folder (a split set), or a whole folder. Until `commit()` the
/// target's name holds what it held before; an output that is dropped without it is removed.
public final class StagedOutput: Sendable {
  /// What the target is.
  public enum Kind: Sendable {
    /// Files that go into a folder which is there already.
    case files
    /// A new folder with nothing but the files.
    case folder
  }

  /// A file to write: its name, and its length where it is known beforehand.
  public struct File: Sendable {
    public let name: String
    public let byteCount: Int?

    public init(name: String, byteCount: Int?) {
      self.name = name
      self.byteCount = byteCount
    }
  }

  /// The folder that will hold the files.
  public let folder: String
  private let kind: Kind
  private let files: [File]
  private let descriptors: [Int32]
  private let stagedPaths: [String]
  private let stagingFolder: String?
  /// Keeps the staging folder locked.
  private let stagingDescriptor: Int32?
  private let replacing: Bool
  private let isFinished = Mutex(false)
  /// Bytes written into each file since the system was told to bring it to disk.
  private let waiting: Mutex<[Int]>

  /// Bytes of a file that wait in memory at most before the system is told to bring them to disk. Left to itself it
  /// begins with `commit()`, and the disk has nothing to do until then.
  private static let mostWaitingBytes = 32 << 20

  /// Creates the files, with their lengths, beside the target.
  /// - Parameters:
  ///   - folder: where the files go: the new folder's own path, or the folder they are put into.
  ///   - replacing: whether what has the target's name may be replaced at the end.
  /// - Throws: `FileError` when the target is there and must not be replaced, another run is writing it, the disk
  ///   has too little space, or a file cannot be created.
  public init(_ kind: Kind, in folder: String, files: [File], replacing: Bool) throws(FileError) {
    let parent = kind == .folder ? FileSystem.parent(folder) : folder
    guard FileSystem.isFolder(parent) else {
      throw FileError(.missing, path: parent, "no such folder; create it first")
    }
    if !replacing { try Self.refuseExisting(kind, folder, files) }
    let total = files.reduce(0) { sum, file in
      let (total, overflow) = sum.addingReportingOverflow(file.byteCount ?? 0)
      return overflow ? .max : total
    }
    if let free = FileSystem.freeBytes(at: parent), total > free {
      throw FileError(
        .system, path: folder,
        "\(total) bytes are to be written, but the disk has \(free) left; free some space or choose another target")
    }

    var stagingFolder: String?
    var stagingDescriptor: Int32?
    var stagedPaths: [String] = []
    switch kind {
    case .folder:
      let staging = FileSystem.join(parent, "." + FileSystem.lastComponent(folder) + ".partial")
      if !FileSystem.isFolder(staging) { try SystemCall.makeFolder(staging) }
      stagingDescriptor = try SystemCall.openLockedFolder(staging)
      // What a run that was killed has left.
      SystemCall.removeFiles(inFolder: staging)
      stagingFolder = staging
      stagedPaths = files.map { FileSystem.join(staging, $0.name) }
    case .files:
      stagedPaths = files.map { FileSystem.join(folder, "." + $0.name + ".partial") }
    }

    var descriptors: [Int32] = []
    do throws(FileError) {
      for (path, file) in zip(stagedPaths, files) {
        let descriptor = try SystemCall.openForWriting(path)
        descriptors.append(descriptor)
        if let byteCount = file.byteCount {
          try SystemCall.setLength(descriptor, to: byteCount, path: path)
        }
      }
    } catch {
      for descriptor in descriptors { SystemCall.close(descriptor) }
      for path in stagedPaths.prefix(descriptors.count) { SystemCall.removeFile(path) }
      if let stagingFolder { SystemCall.removeFolder(stagingFolder) }
      if let stagingDescriptor { SystemCall.close(stagingDescriptor) }
      throw error
    }
    self.folder = folder
    self.replacing = replacing
    self.stagingDescriptor = stagingDescriptor
    self.kind = kind
    self.files = files
    self.descriptors = descriptors
    self.stagedPaths = stagedPaths
    self.stagingFolder = stagingFolder
    self.waiting = Mutex(Array(repeating: 0, count: files.count))
  }

  /// - Throws: `FileError` when the target is there.
  public static func refuseExisting(_ kind: Kind, _ folder: String, _ files: [File]) throws(FileError) {
    let targets = kind == .folder ? [folder] : files.map { FileSystem.join(folder, $0.name) }
    for target in targets where FileSystem.exists(target) {
      throw FileError(.exists, path: target, "is there already; --force replaces it")
    }
  }

  deinit {
    guard !isFinished.withLock({ $0 }) else { return }
    discard()
    closeAll()
  }

  /// Writes `bytes` into file number `file` at `offset`. May be called from several tasks at once.
  public func write(_ bytes: RawSpan, file: Int, at offset: Int) throws(FileError) {
    precondition(!isFinished.withLock { $0 }, "nothing may be written after commit()")
    var failure: FileError?
    unsafe bytes.withUnsafeBytes { buffer in
      do throws(FileError) {
        try unsafe SystemCall.write(descriptors[file], buffer, at: offset, path: stagedPaths[file])
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    let isDue = waiting.withLock { waiting in
      waiting[file] += bytes.byteCount
      guard waiting[file] >= Self.mostWaitingBytes else { return false }
      waiting[file] = 0
      return true
    }
    if isDue { SystemCall.startWriting(descriptors[file]) }
  }

  /// Syncs everything and gives it the target's name. Nothing may be written afterwards.
  /// - Throws: `FileError` when something cannot be brought to disk or renamed, or has taken the target's name since.
  public func commit() throws(FileError) {
    if !replacing { try Self.refuseExisting(kind, folder, files) }
    for (descriptor, path) in zip(descriptors, stagedPaths) {
      try SystemCall.synchronize(descriptor, path: path)
    }
    if let stagingFolder { try SystemCall.synchronizeFolder(stagingFolder) }
    isFinished.withLock { $0 = true }
    defer { closeAll() }
    do throws(FileError) {
      switch kind {
      case .files:
        for (path, file) in zip(stagedPaths, files) {
          try SystemCall.rename(path, to: FileSystem.join(folder, file.name))
        }
        try SystemCall.synchronizeFolder(folder)
      case .folder:
        try replaceFolder()
        try SystemCall.synchronizeFolder(FileSystem.parent(folder))
      }
    } catch {
      discard()
      throw error
    }
  }

  /// A folder with files in it cannot be renamed over: the old one steps aside first and goes last.
  private func replaceFolder() throws(FileError) {
    guard let stagingFolder else { return }
    guard FileSystem.exists(folder) else {
      return try SystemCall.rename(stagingFolder, to: folder)
    }
    let aside = stagingFolder + ".old"
    SystemCall.removeFolder(aside)
    try SystemCall.rename(folder, to: aside)
    do throws(FileError) {
      try SystemCall.rename(stagingFolder, to: folder)
    } catch {
      try SystemCall.rename(aside, to: folder)
      throw error
    }
    SystemCall.removeFolder(aside)
    SystemCall.removeFile(aside)
  }

  private func closeAll() {
    for descriptor in descriptors { SystemCall.close(descriptor) }
    if let stagingDescriptor { SystemCall.close(stagingDescriptor) }
  }

  private func discard() {
    for path in stagedPaths { SystemCall.removeFile(path) }
    if let stagingFolder { SystemCall.removeFolder(stagingFolder) }
  }
}
