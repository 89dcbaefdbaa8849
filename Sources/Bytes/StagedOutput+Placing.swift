extension StagedOutput {
  /// Looks at what has the names of an output, before anything is made of it. What a run has left that was stopped when all
  /// files had their names may be there: `CompleteOutput` tells whether it is of the same job.
  /// - Throws: `FileError` when something has one and must not be replaced, or is nothing that can be: a link, a device, a
  ///   folder in place of a file.
  public static func checkTarget(_ kind: Kind, in folder: String, files: [File], replacing: Bool) throws(FileError) {
    let places = OutputPlaces(kind, folder, files)
    // What is no journal is told by `checkHidden`.
    try places.checkTargets(
      replacing: replacing, (try? OutputJournal.Content.read(places.journalPath)) ?? nil, takingComplete: true)
  }

  /// Looks at what has the hidden names beside an output.
  /// - Throws: `FileError` when something there is not known to be of an earlier run.
  public static func checkHidden(_ kind: Kind, in folder: String, files: [File]) throws(FileError) {
    let places = OutputPlaces(kind, folder, files)
    try places.requireOurs(try OutputJournal.Content.read(places.journalPath))
  }

  /// Removes what a run of an output has left that was killed, without its target.
  /// - Throws: `FileError` when something is somebody's, or another run is writing there.
  static func removeLeft(_ kind: Kind, in folder: String, files: [File]) throws(FileError) {
    let places = OutputPlaces(kind, folder, files)
    guard let left = try EarlierJournal(path: places.journalPath) else { return }
    try places.requireOurs(left.content)
    for path in places.stagedPaths { try SystemCall.removeFile(path) }
    if let stagingFolder = places.stagingFolder { try SystemCall.removeFolder(stagingFolder) }
    try SystemCall.removeFile(places.journalPath, openAs: left.descriptor)
  }

  /// Removes an output of this process that was only for a while: its files, and its folder where nothing else is in it.
  public static func removeTemporary(_ kind: Kind, in folder: String, files: [String]) throws(FileError) {
    for file in files { try SystemCall.removeFile(FileSystem.join(folder, file)) }
    if kind == .folder { try SystemCall.removeEmptyFolder(folder) }
  }

  /// Removes what a run has left that was stopped when its output had its name already: the journal, and what was replaced.
  /// - Throws: `FileError` when another run is writing there, or something else has the journal's name.
  public static func removeSpent(_ kind: Kind, in folder: String, files: [File]) throws(FileError) {
    try CompleteOutput(kind, in: folder, files: files)?.conclude()
  }

  /// Looks at where an output goes.
  /// - Throws: `FileError` when there is no folder to hold it, nothing may be written there, or the disk has too little
  ///   space for the files whose length is known.
  /// - Parameter besides: bytes that are needed there meanwhile.
  public static func check(_ kind: Kind, in folder: String, files: [File], besides: Int = 0) throws(FileError) {
    try check(OutputPlaces(kind, folder, files), files, besides: besides, target: folder)
  }

  /// - Parameter isAllThere: whether all bytes have their place on the disk, whatever is written over them; files with holes
  ///   take less than their length.
  static func check(
    _ places: OutputPlaces, _ files: [File], besides: Int = 0, target: String, isAllThere: Bool = false
  ) throws(FileError) {
    guard try FileSystem.isFolder(places.parent) else {
      throw FileError(.missing, path: places.parent, "no such folder; create it first")
    }
    if let path = places.stagingFolder, let kind = try SystemCall.status(ofPath: path, followingLinks: false)?.kind,
      kind != .folder
    {
      throw OutputPlaces.inTheWay(path)
    }
    var failures = FileErrors()
    failures.attempt { () throws(FileError) in try SystemCall.requireWritable(folder: places.parent) }
    if places.kind == .folder, try FileSystem.isTaken(places.targets[0]), try FileSystem.isFolder(places.targets[0]) {
      // It is replaced, and its files are removed.
      failures.attempt { () throws(FileError) in try SystemCall.requireWritable(folder: places.targets[0]) }
    }
    if !isAllThere {
      failures.attempt { () throws(FileError) in
        try checkSpace(for: files, places, besides: besides, target: target)
      }
    }
    try failures.check()
  }

  /// - Throws: `FileError` when the files need more space than the disk has, with what is there of them already.
  private static func checkSpace(
    for files: [File], _ places: OutputPlaces, besides: Int, target: String
  ) throws(FileError) {
    let total = files.reduce(besides) { sum, file in
      let (total, overflow) = sum.addingReportingOverflow(file.byteCount ?? 0)
      return overflow ? .max : total
    }
    var taken = 0
    for path in places.stagedPaths {
      taken += try SystemCall.status(ofPath: path, followingLinks: false)?.allocatedByteCount ?? 0
    }
    if let free = FileSystem.freeBytes(at: places.parent), total > free.addingReportingOverflow(taken).partialValue {
      throw FileError(
        .system, path: target,
        "\(total) bytes are to be written, but the disk has \(free) left; free some space or choose another target")
    }
  }

  // MARK: - Names

  /// Gives the staged files their names.
  func placeFiles(_ left: inout FileErrors) throws(FileError) {
    guard files.count > 1 else {
      if let staged = places.stagedPaths.first, let target = places.targets.first {
        try place(staged, as: target, replacing: standing[0], &left)
      }
      return
    }
    var moved: [Int] = []
    do throws(FileError) {
      // A set is opened by its first file: that goes before the others change and comes last, so that old and new ones
      // are never read as one set. Until all new ones stand the old ones are kept.
      for (number, old) in standing.enumerated() {
        let (target, aside) = (places.targets[number], places.asidePaths[number])
        guard let old, try FileSystem.isTaken(target) else { continue }
        try places.checkReplaceable(target)
        guard try SystemCall.renameNew(target, to: aside) else { throw OutputPlaces.inTheWay(aside) }
        moved.append(number)
        try requireSame(old, aside, as: target)
      }
      if !moved.isEmpty { try SystemCall.synchronizeFolder(folder) }
      for number in places.targets.indices.dropFirst() + [0] {
        if number == 0 { try SystemCall.synchronizeFolder(folder) }
        try placeNew(places.stagedPaths[number], as: places.targets[number])
      }
    } catch {
      do throws(FileError) {
        try places.takeBack(
          isOurs: { statuses[$0].isOfSameFile(as: $1) }, isReplaced: { number, _ in moved.contains(number) })
      } catch let failure {
        throw error.with(others: [failure])
      }
      throw error
    }
    // The first goes first: with it, what is left of the others is known to be of no use.
    for number in moved {
      left.attempt { () throws(FileError) in
        try OutputPlaces.remove(places.asidePaths[number]) { standing[number] == FolderContents.Entry($0) }
      }
    }
  }

  private func placeNew(_ staged: String, as target: String) throws(FileError) {
    guard try SystemCall.renameNew(staged, to: target) else { throw Self.appeared(target) }
  }

  /// - Parameter old: what may be replaced. Nothing else is: old and new change names, so that it can be looked at.
  private func place(
    _ staged: String, as target: String, replacing old: FolderContents.Entry?, _ left: inout FileErrors
  ) throws(FileError) {
    guard let old, try FileSystem.isTaken(target) else { return try placeNew(staged, as: target) }
    try places.checkReplaceable(target)
    guard try SystemCall.exchange(staged, target) else {
      try requireSame(old, target, as: target)
      return try SystemCall.rename(staged, to: target)
    }
    do throws(FileError) {
      try requireSame(old, staged, as: target)
    } catch {
      guard try SystemCall.exchange(staged, target) else { throw error }
      throw error
    }
    left.attempt { () throws(FileError) in
      try OutputPlaces.remove(staged) { old == FolderContents.Entry($0) }
    }
  }

  /// - Throws: `FileError` when somebody has changed a file that is replaced, or put another one in its place.
  private func requireSame(_ old: FolderContents.Entry, _ path: String, as target: String) throws(FileError) {
    guard let status = try SystemCall.status(ofPath: path, followingLinks: false), FolderContents.Entry(status) != old
    else { return }
    throw FileError(
      .exists, path: target, "was put there or changed while the new one was made, and would be lost; move it away")
  }

  /// Gives the staged folder its name. A folder with files in it cannot be renamed over: old and new change names, and the
  /// old one goes last. Until it is gone it is locked: it has the staging folder's name, and another run must not take it
  /// for its own.
  func placeFolder(_ left: inout FileErrors) throws(FileError) {
    guard let stagingFolder = places.stagingFolder else { return }
    let target = places.targets[0]
    guard replacing, let contents, !contents.isEmpty else {
      guard try SystemCall.renameFolder(stagingFolder, to: target) else { throw Self.appeared(target) }
      return
    }
    let old = try SystemCall.openLockedFolder(target)
    defer { SystemCall.close(old) }
    if try SystemCall.exchange(stagingFolder, target) {
      do throws(FileError) {
        try refuseNew(in: stagingFolder, than: contents)
      } catch {
        guard try SystemCall.exchange(stagingFolder, target) else { throw error }
        throw error
      }
      removeReplaced(stagingFolder, contents, &left)
      return
    }
    // Where the file system has no such call, there is a moment without either.
    let aside = places.asidePaths[0]
    guard try SystemCall.renameFolder(target, to: aside) else { throw OutputPlaces.inTheWay(aside) }
    do throws(FileError) {
      try refuseNew(in: aside, than: contents)
      guard try SystemCall.renameFolder(stagingFolder, to: target) else { throw Self.appeared(target) }
    } catch {
      try SystemCall.rename(aside, to: target)
      throw error
    }
    removeReplaced(aside, contents, &left)
  }

  /// Removes what a folder held when it was looked at.
  private func removeReplaced(_ folder: String, _ contents: FolderContents, _ left: inout FileErrors) {
    let entries = Set(contents.entries)
    left.attempt { () throws(FileError) in
      try OutputPlaces.remove(folder) { entries.contains(FolderContents.Entry($0)) }
    }
  }

  /// - Parameter old: the folder that is replaced, under the name that it has now.
  /// - Throws: `FileError` when somebody has put something into it.
  private func refuseNew(in old: String, than contents: FolderContents) throws(FileError) {
    guard let name = contents.firstNew(in: try FolderContents(of: old)) else { return }
    throw FileError(
      .exists, path: folder,
      "holds \(FileError.quoted(name)), which was put there or changed while the new one was made and would be lost; "
        + "move it away")
  }

  private static func appeared(_ target: String) -> FileError {
    FileError(.exists, path: target, "has appeared since this began, and is left as it is; move it away")
  }
}
