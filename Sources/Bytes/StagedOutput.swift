internal import Synchronization

/// An output that is being written beside its target and takes the target's name only when it is complete.
///
/// The target is one file, several files of one folder (a split set), or a whole folder. Until `commit()` the
/// target's name holds what it held before; an output that is dropped without it is removed.
///
/// With a fingerprint of the job the partial output of a run that was killed is not lost: a run with the same one goes
/// on with it, and learns from `finishedItems` what it need not write again.
public final class StagedOutput: Sendable {
  /// What the target is.
  public enum Kind: Sendable {
    /// Files that go into a folder which is there already.
    case files
    /// A new folder with nothing but the files.
    case folder
  }

  /// A file to write: its name, and its length where it is known beforehand. In a new folder it may lie in a folder of
  /// its own: `templates/tool.jinja`.
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
  /// What errors call the output: the folder, or the first of the files.
  var target: String { kind == .folder ? folder : places.targets.first ?? folder }

  /// Items that an earlier run of the same job has completed, with their notes. Empty without a fingerprint.
  public let finishedItems: [Int: String]
  /// Number of items that an earlier run has completed and that do not count: its sources were other files than these, or
  /// have been changed, moved or linked since, and nothing shows that the items would come out the same.
  public let discardedItemCount: Int
  /// Whether the partial output of another job was there, and is replaced.
  public let replacesOtherJob: Bool
  let kind: Kind
  let files: [File]
  let places: OutputPlaces
  /// What the staged files are.
  let statuses: [SystemCall.Status]
  let replacing: Bool
  /// What the folder that is replaced held when it was looked at, where one is.
  let contents: FolderContents?
  /// What each of the files that may be replaced was when it was looked at; nil where there was none.
  let standing: [FolderContents.Entry?]
  let journal: OutputJournal
  /// Whether a later run of the same job may go on with what this one has completed.
  private let isResumable: Bool
  let partial: PartialOutput
  private let isFinished = Mutex(false)
  private let isClosed = Mutex(false)

  private struct Waiting {
    /// Bytes written into each file since the system was told to bring it to disk.
    var unstarted: [Int]
    /// Bytes written since everything was on disk.
    var unsynced = 0
  }

  private let waiting: Mutex<Waiting>

  /// Bytes of a file that wait in memory at most before the system is told to bring them to disk. Left to itself it
  /// begins with `commit()`, and the disk has nothing to do until then.
  private static let mostWaitingBytes = 32 << 20
  /// Bytes of the whole output that a power failure may cost at most, with a fingerprint.
  private static let mostUnsyncedBytes = 1 << 30

  /// Creates the files, with their lengths, beside the target.
  /// - Parameters:
  ///   - folder: where the files go: the new folder's own path, or the folder they are put into.
  ///   - sources: what the output is made of. Who may not read one of them may not read the output.
  ///   - reading: paths of other files that it is made of, for the same reason. Folders do not count.
  ///   - replacing: whether what has the target's name may be replaced at the end.
  ///   - contents: what a folder that may be replaced held when it was looked at; nil to look now. Where it holds something
  ///     else in the end, it is not replaced.
  ///   - fingerprint: what identifies the job, in one line; nil to begin anew always. Whether a file whose length is not
  ///     known has the bytes of its finished items is for the caller to see.
  ///   - isResuming: whether the partial output of such a job is gone on with.
  ///   - isSame: is asked of each finished item where an earlier run of the job has read other files, or these before they
  ///     were changed, moved or linked: whether its note shows that it was made of the same bytes. nil where notes do not.
  /// - Throws: `FileError` when the target is there and must not be replaced, another run is writing it, the disk
  ///   has too little space, or a file cannot be created.
  public init(
    _ kind: Kind, in folder: String, files: [File], sources: [InputFile] = [], reading: [String] = [], replacing: Bool,
    contents: FolderContents? = nil, fingerprint: String? = nil, isResuming: Bool = true,
    isSame: ((_ item: Int, _ note: String) throws(FileError) -> Bool)? = nil
  ) throws(FileError) {
    let places = OutputPlaces(kind, folder, files)
    let left = try OutputJournal.Content.read(places.journalPath)
    let isAdopted = left?.isAdoption(of: files.count) == true
    try places.checkTargets(replacing: replacing, left)
    try Self.check(
      places, files, target: kind == .folder ? folder : places.targets.first ?? folder,
      isAllThere: isAdopted)
    let partial = PartialOutput(places, isLeft: left != nil)
    do throws(FileError) {
      var permissions = try places.permissions(sources, reading: reading)
      try partial.lockFolder(try places.folderPermissions())
      let earlier = try EarlierJournal(path: places.journalPath)
      try places.requireOurs(earlier?.content)
      try places.undoInterruptedCommit(earlier?.content)
      try places.checkTargets(replacing: replacing, earlier?.content)
      if replacing, kind == .files {
        standing = try places.targets.map { target throws(FileError) in
          try SystemCall.status(ofPath: target, followingLinks: false).map(FolderContents.Entry.init)
        }
      } else {
        standing = places.targets.map { _ in nil }
      }

      var held: FolderContents?
      if kind == .folder, try FileSystem.isTaken(places.targets[0]) {
        held = contents
        if held == nil { held = try FolderContents(of: places.targets[0]) }
        permissions = permissions.stricter(held?.permissions ?? .all)
      }
      try partial.makeFolders()

      let identities = sources.map(\.identity)
      var (finished, discarded) = ([Int: String](), 0)
      var goingOnWith: EarlierJournal?
      if isResuming, let fingerprint, let earlier, earlier.isOfJob(fingerprint),
        let boot = FileSystem.bootIdentifier, try partial.openLeft(files, as: earlier.content, permissions)
      {
        finished = earlier.content.finished(boot: boot)
        if earlier.content.sources != identities {
          let all = finished
          for (item, note) in all where try isSame?(item, note) != true { finished[item] = nil }
          discarded = all.count - finished.count
        }
        if finished.isEmpty { partial.closeFiles() } else { goingOnWith = earlier }
      }
      if goingOnWith == nil { try partial.makeFiles(permissions) }
      statuses = try partial.statuses()
      if let goingOnWith {
        journal = try OutputJournal(
          goingOnWith: goingOnWith, path: places.journalPath,
          again: goingOnWith.content.sources == identities && discarded == 0 ? nil : identities, finished: finished)
      } else {
        // The files of either are empty here, and nobody's. Another journal than the one that was looked at is another run's.
        if let earlier { try SystemCall.removeFile(places.journalPath, openAs: earlier.descriptor) }
        journal = try OutputJournal(
          path: places.journalPath,
          OutputJournal.Header(
            fingerprint: fingerprint ?? "", sources: identities,
            files: zip(statuses, files).map { OutputJournal.File($0, byteCount: $1.byteCount) }), permissions)
      }
      // Holes of what was taken over stay.
      if !isAdopted || goingOnWith == nil { try partial.setLengths(files) }
      if replacing, let held, !held.isEmpty, let stagingFolder = places.stagingFolder, !files.isEmpty {
        try SystemCall.requireRenamable(folder: places.targets[0], onto: stagingFolder)
      }
      self.contents = held
      finishedItems = finished
      discardedItemCount = discarded
      if isResuming, let fingerprint, let earlier {
        replacesOtherJob = earlier.content.itemCount > 0 && !earlier.isOfJob(fingerprint)
      } else {
        replacesOtherJob = false
      }
    } catch {
      throw partial.abandoned(after: error)
    }
    isResumable = fingerprint != nil
    self.folder = folder
    self.replacing = replacing
    self.kind = kind
    self.files = files
    self.places = places
    self.partial = partial
    waiting = Mutex(Waiting(unstarted: Array(repeating: 0, count: files.count)))
    Interruption.outputBegins()
  }

  /// Names beside the target that writing it makes, replaces or removes.
  public static func hiddenPaths(_ kind: Kind, in folder: String, files: [File]) -> [String] {
    OutputPlaces(kind, folder, files).hidden
  }

  deinit {
    if !isFinished.withLock({ $0 }) { _ = discard() }
    close()
  }

  /// Writes `bytes` into file number `file` at `offset`. May be called from several tasks at once.
  /// - Throws: `FileError` when the system refuses, or has asked the process to stop.
  public func write(_ bytes: RawSpan, file: Int, at offset: Int) throws(FileError) {
    precondition(!isFinished.withLock { $0 }, "nothing may be written after commit()")
    try Interruption.check(target)
    let descriptor = partial.descriptors[file]
    try SystemCall.write(descriptor, bytes, at: offset, path: places.stagedPaths[file])
    let isDue = waiting.withLock { waiting in
      waiting.unsynced += bytes.byteCount
      waiting.unstarted[file] += bytes.byteCount
      guard waiting.unstarted[file] >= Self.mostWaitingBytes else { return false }
      waiting.unstarted[file] = 0
      return true
    }
    if isDue { SystemCall.startWriting(descriptor) }
  }

  /// Bytes that a file of the partial output has now.
  public func byteCount(ofFile file: Int) throws(FileError) -> Int {
    try SystemCall.status(of: partial.descriptors[file], path: places.stagedPaths[file]).byteCount
  }

  /// Cuts a file of the partial output off, or makes it longer.
  public func setLength(ofFile file: Int, to byteCount: Int) throws(FileError) {
    try SystemCall.setLength(partial.descriptors[file], to: byteCount, path: places.stagedPaths[file])
  }

  /// Gives a file of the partial output the permissions, owner and group of the file that it is to replace.
  /// - Throws: `FileError` when the system does not allow that.
  public func takeAccess(of replaced: InputFile, file: Int) throws(FileError) {
    try replaced.giveAccess(to: partial.descriptors[file], path: places.stagedPaths[file])
  }

  /// Notes that everything of an item has been written, for a later run of the same job. `note` has no line ends.
  public func finish(item: Int, note: String = "") throws(FileError) {
    guard isResumable else { return }
    try journal.finish(item, note: note)
    let isDue = waiting.withLock { waiting in
      guard waiting.unsynced >= Self.mostUnsyncedBytes else { return false }
      waiting.unsynced = 0
      return true
    }
    guard isDue else { return }
    let count = journal.itemCount
    try synchronize()
    try journal.synchronized(count)
  }

  /// Brings what is complete to disk, and notes it, as far as the disk lets it.
  private func bringToDisk() {
    let count = journal.itemCount
    guard isResumable, count > 0, (try? synchronize()) != nil else { return }
    try? journal.synchronized(count)
  }

  /// Brings all files to disk. After a failure nobody knows what of them is there, and the system may not say it again.
  private func synchronize() throws(FileError) {
    do throws(FileError) {
      try partial.synchronize()
    } catch {
      journal.distrust()
      throw error
    }
  }

  // MARK: - The end

  /// Syncs everything and gives it the target's name. Nothing may be written afterwards.
  /// - Returns: what is left and could not be removed. The output is complete all the same.
  /// - Throws: `FileError` when something cannot be brought to disk or renamed, or has taken the target's name since, or
  ///   was put into the folder that is replaced.
  @discardableResult
  public func commit() throws(FileError) -> [FileError] { try Self.commit([self])[0] }

  /// The same of several outputs of one job. All are brought to disk before the first gets its name; what has its name is known
  /// to be complete (`isComplete`) until all have theirs, by a later run of the job too.
  /// - Throws: as `commit()`; outputs before the one that is named have their names then.
  public static func commit(_ outputs: [StagedOutput]) throws(FileError) -> [[FileError]] {
    for output in outputs { try output.prepareNames() }
    var left: [FileErrors] = []
    for output in outputs {
      var own = FileErrors()
      try output.place(&own)
      left.append(own)
    }
    for (number, output) in outputs.enumerated() {
      // It speaks of inodes that have another name now, so that no run goes on with it even if this one ends here.
      left[number].attempt { () throws(FileError) in try output.journal.remove() }
      output.close()
    }
    return left.map(\.all)
  }

  private func prepareNames() throws(FileError) {
    try synchronize()
    try partial.synchronizeFolders()
    try partial.requireUnchanged()
    try journal.placing(
      try partial.statuses().map(FolderContents.Entry.init),
      replacing: (replacing ? contents?.entries ?? [] : []) + standing.compactMap(\.self))
  }

  private func place(_ left: inout FileErrors) throws(FileError) {
    switch kind {
    case .files: try placeFiles(&left)
    case .folder: try placeFolder(&left)
    }
    isFinished.withLock { $0 = true }
    do throws(FileError) {
      try SystemCall.synchronizeFolder(places.parent)
    } catch {
      throw FileError(
        error.code, path: target, "is complete, but whether its name is safely on disk is not known: \(error.message)")
    }
  }

  /// Whether the output has its name: of those that are committed together some may.
  public var isPlaced: Bool { isFinished.withLock { $0 } }

  /// Leaves the partial output for a later run of the same job. Nothing may be written afterwards.
  /// - Returns: whether there is anything of it; without a fingerprint or an item that is complete it is removed.
  public func keep() -> Bool {
    guard isResumable, journal.itemCount > 0 else { return false }
    isFinished.withLock { $0 = true }
    close()
    return true
  }

  /// What is said of a failure, after the partial output was kept where another run of the job could do better, and
  /// removed otherwise. Nothing may be written afterwards.
  public func stopped(by failure: FileError) -> FileError {
    // The output has its name.
    guard !isFinished.withLock({ $0 }) else { return failure }
    // Wherever it was noticed, it is the output that is stopped.
    let failure = failure.code == .interrupted ? failure.with(path: target) : failure
    // Whoever ends a process with it may begin the job again on another machine, where only what is on disk counts.
    if failure.code == .interrupted, Interruption.signal == SystemCall.terminationSignal { bringToDisk() }
    if [.interrupted, .system, .exists].contains(failure.code), keep() {
      return failure.with(.goOn, message: failure.code == .interrupted ? "interrupted" : nil)
    }
    isFinished.withLock { $0 = true }
    let left = discard()
    close()
    return left.isEmpty ? failure : failure.with(others: left)
  }

  /// What is said of a failure after which no other run of the job can go on. Nothing may be written afterwards.
  public func abandoned(by failure: FileError) -> FileError {
    guard !isFinished.withLock({ $0 }) else { return failure }
    isFinished.withLock { $0 = true }
    let left = discard()
    close()
    let failure = failure.code == .interrupted ? failure.with(path: target) : failure
    return left.isEmpty ? failure : failure.with(others: left)
  }

  private func close() {
    let isFirst = isClosed.withLock { isClosed in
      defer { isClosed = true }
      return !isClosed
    }
    guard isFirst else { return }
    partial.close()
    journal.unlock()
    Interruption.outputEnds()
  }

  /// - Returns: what could not be removed.
  private func discard() -> [FileError] {
    var left = partial.remove()
    // It names the files, and goes after them.
    do throws(FileError) {
      try journal.remove()
    } catch {
      left.append(error)
    }
    return left
  }
}
