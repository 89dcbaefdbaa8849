extension StagedOutput {
  /// Where the files of an output are until they have their names.
  public static func stagedPaths(_ kind: Kind, in folder: String, files: [File]) -> [String] {
    OutputPlaces(kind, folder, files).stagedPaths
  }

  /// The job that has left something of an output, or has given it its name and not come to its end; nil where none has.
  /// - Throws: `FileError` when that cannot be told.
  public static func jobLeft(_ kind: Kind, in folder: String, files: [File]) throws(FileError) -> String? {
    try OutputJournal.Content.read(OutputPlaces(kind, folder, files).journalPath)?.header?.fingerprint
  }

  /// Whether a run of a job has given the output its name, and was stopped before it had come to its end.
  /// - Throws: `FileError` when that cannot be told.
  public static func isPlaced(
    _ kind: Kind, in folder: String, files: [File], fingerprint: String
  ) throws(FileError) -> Bool {
    let places = OutputPlaces(kind, folder, files)
    guard let left = try OutputJournal.Content.read(places.journalPath), left.header?.fingerprint == fingerprint else {
      return false
    }
    return try places.isComplete(left)
  }

  /// Takes files that are complete for the partial output of a job, with nothing left to be done: `init` with the same
  /// fingerprint goes on with them. Files are renamed and not copied. When it is stopped, the same call goes on.
  /// - Parameters:
  ///   - complete: paths of the files, in their order; what is not there has been taken before.
  ///   - files: with their lengths.
  ///   - fingerprint: of the job, in one line.
  /// - Throws: `FileError` when a file is not as it should be, is on another disk, or another run is writing there.
  public static func adopt(
    _ complete: [String], as kind: Kind, in folder: String, files: [File], fingerprint: String
  ) throws(FileError) {
    let places = OutputPlaces(kind, folder, files)
    let earlier = try EarlierJournal(path: places.journalPath)
    let folderDescriptor = try places.stagingFolder.map { path throws(FileError) in
      try SystemCall.makeLockedFolder(path, .all)
    }
    defer { if let folderDescriptor { SystemCall.close(folderDescriptor) } }
    // Nothing is moved before the journal speaks of everything.
    if let earlier, earlier.isOfJob(fingerprint), earlier.content.isAdoption(of: files.count) {
      try places.undoInterruptedCommit(earlier.content)
      var movedCount = 0
      return try take(complete, files, places, earlier.content, &movedCount)
    }
    try places.requireOurs(earlier?.content)
    let statuses = try statuses(of: complete, files, places)
    if let earlier {
      // Other runs are kept out by its lock.
      for path in places.stagedPaths { try SystemCall.removeFile(path) }
      try SystemCall.removeFile(places.journalPath, openAs: earlier.descriptor)
    }
    let journal = try OutputJournal(
      path: places.journalPath,
      OutputJournal.Header(
        fingerprint: fingerprint, sources: [],
        files: zip(statuses, files).map { OutputJournal.File($0, byteCount: $1.byteCount) }), .all)
    defer { journal.unlock() }
    var movedCount = 0
    do throws(FileError) {
      for number in files.indices { try journal.finish(number, note: "") }
      try journal.synchronized(files.count)
      guard let content = try OutputJournal.Content.read(places.journalPath), content.isAdoption(of: files.count) else {
        throw OutputPlaces.inTheWay(places.journalPath)
      }
      // Looked at again, now that other runs are kept out: one may have come between.
      for path in places.stagedPaths { try removeEmpty(path) }
      for (number, path) in complete.enumerated() {
        guard let status = try SystemCall.status(ofPath: path, followingLinks: false), content.isFile(number, status)
        else {
          throw FileError(
            .exists, path: path, "was taken or changed by another run while this one began; give the command again")
        }
      }
      try take(complete, files, places, content, &movedCount)
    } catch {
      throw movedCount == 0 ? journal.removed(after: error) : error
    }
  }

  /// What the files are that are to be taken, each of which has to be of its own, on the output's disk, and writable.
  private static func statuses(
    of complete: [String], _ files: [File], _ places: OutputPlaces
  ) throws(FileError) -> [SystemCall.Status] {
    let device = try SystemCall.status(ofPath: places.parent)?.device
    var statuses: [SystemCall.Status] = []
    for (path, file) in zip(complete, files) {
      guard let status = try SystemCall.status(ofPath: path, followingLinks: false), status.kind == .file,
        status.linkCount == 1, status.byteCount == file.byteCount
      else {
        throw FileError(
          .mismatch, path: path, "is no file of its own, of the length that it should have; copy it again")
      }
      guard status.device == device else {
        throw FileError(
          .exists, path: path,
          "is on another disk than \(places.parent), where it should get its name; copy its folder there")
      }
      if let left = try SystemCall.openLeftFile(path) { SystemCall.closeLocked(left.descriptor) }
      statuses.append(status)
    }
    return statuses
  }

  /// Removes what a run has left that was killed at its very beginning.
  private static func removeEmpty(_ path: String) throws(FileError) {
    guard let left = try SystemCall.openLeftFile(path) else { return }
    defer { SystemCall.closeLocked(left.descriptor) }
    guard left.status.byteCount == 0 else { throw OutputPlaces.inTheWay(path) }
    try SystemCall.removeFile(path, openAs: left.descriptor)
  }

  private static func take(
    _ complete: [String], _ files: [File], _ places: OutputPlaces, _ journal: OutputJournal.Content,
    _ movedCount: inout Int
  ) throws(FileError) {
    for folder in Set(places.stagedPaths.map(FileSystem.parent)).sorted() { try FileSystem.makeFolderIfMissing(folder) }
    for (number, (path, staged)) in zip(complete, places.stagedPaths).enumerated() {
      if let status = try SystemCall.status(ofPath: staged, followingLinks: false) {
        guard journal.isFile(number, status) else { throw OutputPlaces.inTheWay(staged) }
        guard try !FileSystem.isTaken(path) else {
          throw FileError(
            .exists, path: path,
            "is there again, though it was put into its place as \(staged) when an earlier run was stopped; remove one of them"
          )
        }
        continue
      }
      guard let status = try SystemCall.status(ofPath: path, followingLinks: false), journal.isFile(number, status)
      else {
        throw FileError(
          .mismatch, path: path,
          "is not the file that was being put into its place when an earlier run was stopped; put that back, or remove "
            + "\(places.journalPath) and the hidden files beside it, and make what is missing then again")
      }
      guard try SystemCall.renameNew(path, to: staged) else { throw OutputPlaces.inTheWay(staged) }
      movedCount += 1
    }
    for folder in Set(places.stagedPaths.map(FileSystem.parent)).sorted() { try SystemCall.synchronizeFolder(folder) }
  }
}
