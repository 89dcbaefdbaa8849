/// Where an output is written before it has its name, and what makes room for it.
struct OutputPlaces {
  let kind: StagedOutput.Kind
  /// The folder that holds the target.
  let parent: String
  /// The new folder or the files, in their order.
  let targets: [String]
  let stagingFolder: String?
  let stagedPaths: [String]
  let journalPath: String
  /// Where what is replaced goes until everything new has its name, for each of the targets: of several files, and of a
  /// folder where the file system cannot exchange two.
  let asidePaths: [String]

  init(_ kind: StagedOutput.Kind, _ folder: String, _ files: [StagedOutput.File]) {
    self.kind = kind
    switch kind {
    case .folder:
      parent = FileSystem.parent(folder)
      let staging = FileSystem.join(parent, "." + FileSystem.lastComponent(folder) + ".partial")
      // With a slash behind it a name stands for what a link leads to.
      targets = [String(Substring(folder.utf8.prefix(upTo: Self.end(of: folder))))]
      stagingFolder = staging
      stagedPaths = files.map { FileSystem.join(staging, $0.name) }
      journalPath = staging + ".journal"
      asidePaths = [staging + ".old"]
    case .files:
      parent = folder
      targets = files.map { FileSystem.join(folder, $0.name) }
      stagingFolder = nil
      stagedPaths = files.map { FileSystem.join(folder, "." + $0.name + ".partial") }
      journalPath = (stagedPaths.first ?? FileSystem.join(folder, ".partial")) + ".journal"
      asidePaths = files.count > 1 ? files.map { FileSystem.join(folder, "." + $0.name + ".old") } : []
    }
  }

  /// Where a path ends without the slashes behind it.
  private static func end(of path: String) -> String.Index {
    let last = path.utf8.lastIndex { $0 != UInt8(ascii: "/") }
    return last.map { path.utf8.index(after: $0) } ?? path.utf8.endIndex
  }

  /// All names beside the targets that writing the output makes, replaces or removes.
  var hidden: [String] { (stagingFolder.map { [$0] } ?? stagedPaths) + [journalPath] + asidePaths }

  // MARK: - The targets

  /// Whether everything has its name, and is what a run has left that was stopped before it was done.
  func isComplete(_ journal: OutputJournal.Content) throws(FileError) -> Bool {
    guard kind == .files else {
      guard try SystemCall.status(ofPath: targets[0], followingLinks: false)?.kind == .folder else { return false }
      return journal.isComplete(in: try FolderContents(of: targets[0]))
    }
    for (number, path) in targets.enumerated() {
      guard let status = try SystemCall.status(ofPath: path, followingLinks: false), journal.isComplete(number, status)
      else { return false }
    }
    return !targets.isEmpty
  }

  /// Looks at what has the names of the targets.
  /// - Parameters:
  ///   - journal: of an earlier run, if it has left one.
  ///   - takingComplete: whether an output may be there that such a run has completed.
  /// - Throws: `FileError` when something has one and must not be replaced, or can be replaced by no such output.
  func checkTargets(
    replacing: Bool, _ journal: OutputJournal.Content?, takingComplete: Bool = false
  ) throws(FileError) {
    for target in targets { try RemoteStores.refuseWriting(to: target) }
    if takingComplete, let journal, try isComplete(journal) { return }
    // That there is none is told by whoever looks at the place.
    guard try FileSystem.isFolder(parent) else { return }
    var isIncomplete = false
    if targets.count > 1 { isIncomplete = try !FileSystem.isTaken(targets[0]) }
    if !replacing, isIncomplete, journal?.isReplacing == true, try FileSystem.isTaken(asidePaths[0]) {
      throw FileError(
        .exists, path: targets[0],
        "was being replaced by a run that was stopped, and is kept as \(asidePaths[0]) until another one comes to its end",
        remedy: .replaceExisting)
    }
    for (number, target) in targets.enumerated() {
      guard let status = try SystemCall.status(ofPath: target, followingLinks: false) else { continue }
      // Of a run that was killed while it gave the files of a set their names.
      if isIncomplete, journal?.isComplete(number, status) == true { continue }
      try checkReplaceable(target)
      if replacing {
        try checkOwner(of: target, status)
        continue
      }
      if try isEmptyFolder(target, status) { continue }
      throw FileError(.exists, path: target, "is there already", remedy: .replaceExisting)
    }
  }

  /// - Throws: `FileError` when only its owner may replace it: in a folder such as /tmp.
  private func checkOwner(of target: String, _ status: SystemCall.Status) throws(FileError) {
    let user = SystemCall.user()
    guard user != 0, status.owner != user, let folder = try SystemCall.status(ofPath: parent), folder.isSticky,
      folder.owner != user
    else { return }
    throw FileError(
      .exists, path: target,
      "belongs to somebody else, and in this folder nobody else may replace it; choose another name")
  }

  /// Why something cannot be replaced, whoever allows it.
  private func problem(with status: SystemCall.Status) -> String? {
    switch (status.kind, kind) {
    case (.file, .files), (.folder, .folder): nil
    case (.folder, .files): "is a folder, and the output is a file; choose another name"
    case (.file, .folder): "is a file, and the output is a folder; choose another name"
    case (.link, _): "is a link, which is not written through; name what it leads to, or choose another name"
    case (.other, _): "is a device, a pipe or a socket, which no output replaces; choose another name"
    }
  }

  /// - Throws: `FileError` when something has the name that can be replaced by no such output.
  func checkReplaceable(_ target: String) throws(FileError) {
    guard let status = try SystemCall.status(ofPath: target, followingLinks: false), let problem = problem(with: status)
    else { return }
    throw FileError(.exists, path: target, problem)
  }

  /// What everybody but the owner may do with the new files at most: what they may with the sources, with the other files
  /// that are read, and with those that are replaced.
  func permissions(_ sources: [InputFile], reading paths: [String]) throws(FileError) -> Permissions {
    var permissions = sources.reduce(Permissions.all) { $0.stricter($1.permissions) }
    func add(_ path: String, followingLinks: Bool) throws(FileError) {
      guard let status = try SystemCall.status(ofPath: path, followingLinks: followingLinks), status.kind == .file
      else { return }
      permissions = permissions.stricter(status.permissions)
    }
    for path in paths { try add(path, followingLinks: true) }
    for target in targets where kind == .files { try add(target, followingLinks: false) }
    return permissions
  }

  /// The same of a new folder.
  func folderPermissions() throws(FileError) -> Permissions {
    guard kind == .folder, let status = try SystemCall.status(ofPath: targets[0], followingLinks: false) else {
      return .all
    }
    return status.permissions
  }

  /// Nothing is lost with a folder that has nothing in it.
  private func isEmptyFolder(_ path: String, _ status: SystemCall.Status) throws(FileError) -> Bool {
    guard status.kind == .folder else { return false }
    return try SystemCall.names(inFolder: path).isEmpty
  }

  // MARK: - What an earlier run has left

  static func inTheWay(_ path: String) -> FileError {
    FileError(
      .exists, path: path,
      "is in the way of a new output, and is nothing that an earlier run of it is known to have left; remove it")
  }

  /// - Throws: `FileError` when something is another user's, in a folder where everybody may put things.
  static func requireOwner(_ path: String, _ status: SystemCall.Status) throws(FileError) {
    guard status.owner != SystemCall.user(), let folder = try SystemCall.status(ofPath: FileSystem.parent(path)),
      folder.isSticky
    else { return }
    throw inTheWay(path)
  }

  /// Looks at everything beside the targets that is to be removed.
  /// - Throws: `FileError` when something there is not known to be of an earlier run.
  func requireOurs(_ journal: OutputJournal.Content?) throws(FileError) {
    if let stagingFolder {
      try Self.requireOurs(stagingFolder, journal, mayBeFolder: true)
    } else {
      for path in stagedPaths { try Self.requireOurs(path, journal, mayBeFolder: false) }
    }
    for path in asidePaths where try FileSystem.isTaken(path) {
      // Nothing is moved there by a run that has not come so far.
      guard journal?.isReplacing == true else { throw Self.inTheWay(path) }
      try Self.requireOurs(path, journal, mayBeFolder: kind == .folder)
    }
  }

  /// - Throws: `FileError` unless the journal of an earlier run names it, or every file in it; nothing is lost with an empty
  ///   file, which a run leaves that was killed at its very beginning.
  private static func requireOurs(
    _ path: String, _ journal: OutputJournal.Content?, mayBeFolder: Bool
  ) throws(FileError) {
    guard let status = try SystemCall.status(ofPath: path, followingLinks: false) else { return }
    if status.kind == .folder {
      guard mayBeFolder else { throw inTheWay(path) }
      for name in try SystemCall.names(inFolder: path) {
        try requireOurs(FileSystem.join(path, name), journal, mayBeFolder: true)
      }
    } else {
      guard isOurs(status, journal) else { throw inTheWay(path) }
      try requireOwner(path, status)
    }
  }

  private static func isOurs(_ status: SystemCall.Status, _ journal: OutputJournal.Content?) -> Bool {
    if status.kind == .file, status.byteCount == 0 { return true }
    return journal?.isPartial(status) == true || journal?.isReplaced(status) == true
  }

  /// Puts things right after a run that was stopped while it gave its files their names: what it replaced has its names
  /// again, or is removed where everything new stands. Before, `requireOurs` has looked at everything.
  /// - Parameter journal: what that run has left.
  func undoInterruptedCommit(_ journal: OutputJournal.Content?) throws(FileError) {
    switch kind {
    case .folder:
      for (aside, target) in zip(asidePaths, targets) where try FileSystem.isTaken(aside) {
        if try FileSystem.isTaken(target) {
          try Self.remove(aside)
        } else {
          try SystemCall.rename(aside, to: target)
        }
      }
    case .files:
      guard targets.count > 1 else { return }
      // The first file goes first and comes last: without it the set is not complete, old or new.
      let first = try SystemCall.status(ofPath: targets[0], followingLinks: false)
      if let first, journal?.isComplete(0, first) == true {
        for path in asidePaths { try Self.remove(path) }
      } else if first.map({ journal?.isReplaced($0) == true }) ?? true {
        try takeBack(
          isOurs: { journal?.isComplete($0, $1) ?? false }, isReplaced: { journal?.isReplaced($1) ?? false })
      } else {
        for aside in asidePaths where try FileSystem.isTaken(aside) {
          throw FileError(
            .exists, path: targets[0],
            "has appeared while it was being replaced; what was there before is kept as \(aside) and others like it; "
              + "move it away")
        }
      }
    }
  }

  /// Gives new files that have their names already those of the partial output again, and old ones theirs.
  /// - Parameters:
  ///   - isOurs: whether that is the file of the partial output with this number.
  ///   - isReplaced: whether that is what has made room for it.
  func takeBack(
    isOurs: (Int, SystemCall.Status) -> Bool, isReplaced: (Int, SystemCall.Status) -> Bool
  ) throws(FileError) {
    for number in targets.indices.reversed() {
      let (target, aside) = (targets[number], asidePaths[number])
      if let status = try SystemCall.status(ofPath: target, followingLinks: false), isOurs(number, status) {
        guard try SystemCall.renameNew(target, to: stagedPaths[number]) else {
          throw Self.inTheWay(stagedPaths[number])
        }
      }
      if let status = try SystemCall.status(ofPath: aside, followingLinks: false), isReplaced(number, status) {
        guard try SystemCall.renameNew(aside, to: target) else {
          throw FileError(.exists, path: target, "has appeared since, and what it was before is kept as \(aside)")
        }
      }
    }
  }

  /// Removes what an output has replaced: a folder of files, or a file.
  /// - Parameter isReplaced: whether that is a part of it; what is not stays.
  static func remove(
    _ path: String, where isReplaced: (SystemCall.Status) -> Bool = { _ in true }
  ) throws(FileError) {
    do throws(FileError) {
      guard let status = try SystemCall.status(ofPath: path, followingLinks: false) else { return }
      if status.kind == .folder {
        try SystemCall.removeFolder(path, where: isReplaced)
      } else if isReplaced(status) {
        try SystemCall.removeFile(path)
      }
    } catch {
      throw FileError(error.code, path: path, "holds what was replaced, and cannot be removed: \(error.message)")
    }
  }
}
