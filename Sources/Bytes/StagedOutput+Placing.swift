extension StagedOutput {
  /// Looks at what has the names of an output, before anything is made of it.
  /// - Throws: `FileError` when something has one and must not be replaced, or is nothing that can be: a link, a device, a
  ///   folder in place of a file.
  public static func checkTarget(_ kind: Kind, in folder: String, files: [File], replacing: Bool) throws(FileError) {
    let places = OutputPlaces(kind, folder, files)
    try places.checkTargets(replacing: replacing, try OutputJournal.Content.read(places.journalPath))
  }

  /// Looks at where an output goes.
  /// - Throws: `FileError` when there is no folder to hold it, nothing may be written there, or the disk has too little
  ///   space for the files whose length is known.
  public static func check(_ kind: Kind, in folder: String, files: [File]) throws(FileError) {
    try check(OutputPlaces(kind, folder, files), files, target: folder)
  }

  static func check(_ places: OutputPlaces, _ files: [File], target: String) throws(FileError) {
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
    failures.attempt { () throws(FileError) in try checkSpace(for: files, places, target: target) }
    try failures.check()
  }

  /// - Throws: `FileError` when the files need more space than the disk has, with what is there of them already.
  private static func checkSpace(for files: [File], _ places: OutputPlaces, target: String) throws(FileError) {
    let total = files.reduce(0) { sum, file in
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
        try place(staged, as: target, replacing: replacing)
      }
      return
    }
    var replaced: [FolderContents.Entry] = []
    do throws(FileError) {
      // A set is opened by its first file: that goes before the others change and comes last, so that old and new ones
      // are never read as one set. Until all new ones stand the old ones are kept.
      if replacing {
        var aside: [(target: String, aside: String)] = []
        for (target, path) in zip(places.targets, places.asidePaths) {
          guard let status = try SystemCall.status(ofPath: target, followingLinks: false) else { continue }
          try places.checkReplaceable(target)
          replaced.append(FolderContents.Entry(status))
          aside.append((target, path))
        }
        try journal.replaces(replaced)
        for (target, path) in aside {
          guard try SystemCall.renameNew(target, to: path) else { throw OutputPlaces.inTheWay(path) }
        }
        try SystemCall.synchronizeFolder(folder)
      }
      for number in places.targets.indices.dropFirst() + [0] {
        if number == 0 { try SystemCall.synchronizeFolder(folder) }
        try place(places.stagedPaths[number], as: places.targets[number], replacing: false)
      }
    } catch {
      do throws(FileError) {
        try places.takeBack(
          isOurs: { statuses[$0].isOfSameFile(as: $1) }, isReplaced: { replaced.contains(FolderContents.Entry($0)) })
      } catch let failure {
        throw error.with(others: [failure])
      }
      throw error
    }
    left.attempt { () throws(FileError) in try places.removeAside() }
  }

  private func place(_ staged: String, as target: String, replacing: Bool) throws(FileError) {
    guard replacing else {
      guard try SystemCall.renameNew(staged, to: target) else { throw Self.appeared(target) }
      return
    }
    try places.checkReplaceable(target)
    try SystemCall.rename(staged, to: target)
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
    try journal.replaces(contents.entries)
    if try SystemCall.exchange(stagingFolder, target) {
      do throws(FileError) {
        try refuseNew(in: stagingFolder, than: contents)
      } catch {
        guard try SystemCall.exchange(stagingFolder, target) else { throw error }
        throw error
      }
      left.attempt { () throws(FileError) in try OutputPlaces.remove(stagingFolder) }
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
    left.attempt { () throws(FileError) in try OutputPlaces.remove(aside) }
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
