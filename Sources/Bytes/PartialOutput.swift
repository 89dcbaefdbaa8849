internal import Synchronization

/// The files that an output is written into before it has its name: made, or taken over from an earlier run, and locked
/// against others.
final class PartialOutput: Sendable {
  private struct Descriptors {
    var files: [Int32] = []
    /// Keeps the staging folder locked.
    var folder: Int32?
  }

  private let places: OutputPlaces
  /// Whether an earlier run has left a journal, and with it what another may go on with.
  private let isLeft: Bool
  private let opened = Mutex(Descriptors())

  init(_ places: OutputPlaces, isLeft: Bool) {
    self.places = places
    self.isLeft = isLeft
  }

  /// Of the files, in their order.
  var descriptors: [Int32] { opened.withLock { $0.files } }

  // MARK: - Beginning

  /// Makes the staging folder, where the output has one, and locks it.
  func lockFolder(_ permissions: Permissions) throws(FileError) {
    guard let stagingFolder = places.stagingFolder else { return }
    let descriptor = try SystemCall.makeLockedFolder(stagingFolder, permissions)
    opened.withLock { $0.folder = descriptor }
    try SystemCall.restrict(descriptor, to: permissions, path: stagingFolder)
  }

  /// Makes the folders inside a staging folder, and removes what another job has left there. Before,
  /// `OutputPlaces.requireOurs` has looked at it.
  /// - Throws: `FileError` when something cannot be removed, which would become a part of the output.
  func makeFolders() throws(FileError) {
    guard let stagingFolder = places.stagingFolder else { return }
    let (inner, known) = (innerFolders, Set(places.stagedPaths + innerFolders))
    func removeOthers(in folder: String) throws(FileError) {
      for path in try SystemCall.names(inFolder: folder).map({ FileSystem.join(folder, $0) }) {
        let kind = try SystemCall.status(ofPath: path, followingLinks: false)?.kind
        guard !known.contains(path) || (kind == .folder) != inner.contains(path) else { continue }
        if kind == .folder { try SystemCall.removeFolder(path) } else { try SystemCall.removeFile(path) }
      }
    }
    for folder in [stagingFolder] + inner {
      if try !FileSystem.isTaken(folder) { try SystemCall.makeFolder(folder, .all) }
      try removeOthers(in: folder)
    }
  }

  /// Opens the files that an earlier run has left, where they are those that its journal speaks of, whole, and have no
  /// other name by which they could be somebody's.
  func openLeft(
    _ files: [StagedOutput.File], as journal: OutputJournal.Content, _ permissions: Permissions
  ) throws(FileError) -> Bool {
    for (number, path) in places.stagedPaths.enumerated() {
      // A file that was removed comes back with another length, even where it gets its old inode.
      guard let status = try SystemCall.status(ofPath: path, followingLinks: false), journal.isFile(number, status),
        status.linkCount == 1, files[number].byteCount.map({ $0 == status.byteCount }) ?? true
      else { return false }
    }
    for (number, path) in places.stagedPaths.enumerated() {
      guard let left = try SystemCall.openLeftFile(path) else { return false }
      opened.withLock { $0.files.append(left.descriptor) }
      guard journal.isFile(number, left.status), left.status.linkCount == 1 else {
        closeFiles()
        return false
      }
      try SystemCall.restrict(left.descriptor, to: permissions, path: path)
    }
    return true
  }

  func makeFiles(_ permissions: Permissions) throws(FileError) {
    for path in places.stagedPaths {
      let descriptor = try SystemCall.makeFile(path, permissions)
      opened.withLock { $0.files.append(descriptor) }
    }
  }

  /// Gives the files their lengths, as far as these are known.
  func setLengths(_ files: [StagedOutput.File]) throws(FileError) {
    for (number, descriptor) in descriptors.enumerated() {
      guard let byteCount = files[number].byteCount else { continue }
      try SystemCall.reserve(descriptor, byteCount: byteCount, path: places.stagedPaths[number])
      try SystemCall.setLength(descriptor, to: byteCount, path: places.stagedPaths[number])
    }
  }

  func statuses() throws(FileError) -> [SystemCall.Status] {
    var statuses: [SystemCall.Status] = []
    for (descriptor, path) in zip(descriptors, places.stagedPaths) {
      statuses.append(try SystemCall.status(of: descriptor, path: path))
    }
    return statuses
  }

  // MARK: - Ending

  func synchronize() throws(FileError) {
    for (descriptor, path) in zip(descriptors, places.stagedPaths) {
      try SystemCall.synchronize(descriptor, path: path)
    }
  }

  func synchronizeFolders() throws(FileError) {
    guard let stagingFolder = places.stagingFolder else { return }
    for folder in innerFolders + [stagingFolder] { try SystemCall.synchronizeFolder(folder) }
  }

  /// Looks at what will get the names of the targets.
  /// - Throws: `FileError` when somebody has put something in the place of one of the files, or into the folder.
  func requireUnchanged() throws(FileError) {
    for (path, descriptor) in zip(places.stagedPaths, descriptors) where try !SystemCall.isNamed(path, descriptor) {
      throw FileError(
        .exists, path: path, "was put there while the output was made, in place of what was written; move it away")
    }
    guard let stagingFolder = places.stagingFolder else { return }
    let known = Set(places.stagedPaths + innerFolders)
    for folder in [stagingFolder] + innerFolders {
      for path in try SystemCall.names(inFolder: folder).map({ FileSystem.join(folder, $0) })
      where !known.contains(path) {
        throw FileError(.exists, path: path, "was put there while the output was made; move it away")
      }
    }
  }

  func closeFiles() {
    let files = opened.withLock { opened in
      defer { opened.files = [] }
      return opened.files
    }
    for descriptor in files { SystemCall.closeLocked(descriptor) }
  }

  func close() {
    closeFiles()
    let folder = opened.withLock { opened in
      defer { opened.folder = nil }
      return opened.folder
    }
    if let folder { SystemCall.closeLocked(folder) }
  }

  /// Paths of the folders inside the staging folder.
  private var innerFolders: [String] {
    guard let stagingFolder = places.stagingFolder else { return [] }
    return Set(places.stagedPaths.map(FileSystem.parent)).subtracting([stagingFolder]).sorted()
  }

  /// - Returns: what could not be removed.
  func remove() -> [FileError] {
    var left = FileErrors()
    // What else is there now is somebody's.
    for (path, descriptor) in zip(places.stagedPaths, descriptors) {
      left.attempt { () throws(FileError) in try SystemCall.removeFile(path, openAs: descriptor) }
    }
    if let stagingFolder = places.stagingFolder {
      for folder in innerFolders + [stagingFolder] {
        left.attempt { () throws(FileError) in try SystemCall.removeEmptyFolder(folder) }
      }
    }
    return left.all
  }

  /// Gives up what could not be begun. What an earlier run has left for one that goes on stays, and so does what another
  /// run has locked.
  /// - Returns: the failure, with what could not be removed.
  func abandoned(after failure: FileError) -> FileError {
    var left = FileErrors()
    let (made, hasFolder) = opened.withLock { (places.stagedPaths.prefix($0.files.count), $0.folder != nil) }
    if !isLeft {
      for path in made { left.attempt { () throws(FileError) in try SystemCall.removeFile(path) } }
      // It names the files, and goes after them.
      if made.count == places.stagedPaths.count {
        left.attempt { () throws(FileError) in try SystemCall.removeFile(places.journalPath) }
      }
      // With somebody's files in it the folder is somebody's.
      if hasFolder, let stagingFolder = places.stagingFolder {
        for folder in innerFolders + [stagingFolder] where (try? SystemCall.names(inFolder: folder)) == [] {
          left.attempt { () throws(FileError) in try SystemCall.removeEmptyFolder(folder) }
        }
      }
    }
    close()
    return left.all.isEmpty ? failure : failure.with(others: left.all)
  }
}
