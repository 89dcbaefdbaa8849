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
  private var target: String {
    kind == .folder ? folder : FileSystem.join(folder, files.first?.name ?? "")
  }

  /// Items that an earlier run of the same job has completed, with their notes. Empty without a fingerprint.
  public let finishedItems: [Int: String]
  private let kind: Kind
  private let files: [File]
  private let descriptors: [Int32]
  private let stagedPaths: [String]
  private let stagingFolder: String?
  /// Keeps the staging folder locked.
  private let stagingDescriptor: Int32?
  private let replacing: Bool
  private let journal: OutputJournal?
  private let isFinished = Mutex(false)

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
  ///   - replacing: whether what has the target's name may be replaced at the end.
  ///   - fingerprint: what identifies the job, in one line; nil to begin anew always. Whether a file whose length is not
  ///     known has the bytes of its finished items is for the caller to see.
  ///   - isResuming: whether the partial output of such a job is gone on with.
  /// - Throws: `FileError` when the target is there and must not be replaced, another run is writing it, the disk
  ///   has too little space, or a file cannot be created.
  public init(
    _ kind: Kind, in folder: String, files: [File], replacing: Bool, fingerprint: String? = nil, isResuming: Bool = true
  ) throws(FileError) {
    let places = Places(kind, folder, files)
    let (stagedPaths, stagingFolder, journalPath) = (places.stagedPaths, places.stagingFolder, places.journalPath)
    if !replacing { try Self.refuseExisting(kind, folder, files) }
    try Self.check(places, files, target: folder)

    // What an earlier run has left for one that goes on is not lost where this one cannot even begin.
    let isKept = FileSystem.isTaken(journalPath)
    var stagingDescriptor: Int32?
    var descriptors: [Int32] = []
    do throws(FileError) {
      if let stagingFolder {
        stagingDescriptor = try SystemCall.makeLockedFolder(stagingFolder)
        try Self.makeFolders(in: stagingFolder, for: files)
      }
      for path in stagedPaths { descriptors.append(try SystemCall.openForWriting(path)) }
      if let fingerprint {
        var statuses: [SystemCall.Status] = []
        // A file that was removed comes back with another length, even where it gets its old inode.
        var isWhole = true
        for (number, descriptor) in descriptors.enumerated() {
          var status = try SystemCall.status(of: descriptor, path: stagedPaths[number])
          isWhole = isWhole && (files[number].byteCount.map { $0 == status.byteCount } ?? true)
          status.byteCount = files[number].byteCount ?? 0
          statuses.append(status)
        }
        if !isResuming || !isWhole { SystemCall.removeFile(journalPath) }
        journal = try OutputJournal(path: journalPath, fingerprint: fingerprint, files: statuses)
      } else {
        SystemCall.removeFile(journalPath)
        journal = nil
      }
      finishedItems = journal?.finished ?? [:]
      for (number, file) in files.enumerated() {
        if finishedItems.isEmpty { try SystemCall.setLength(descriptors[number], to: 0, path: stagedPaths[number]) }
        if let byteCount = file.byteCount {
          try SystemCall.setLength(descriptors[number], to: byteCount, path: stagedPaths[number])
        }
      }
    } catch {
      // What is locked by another run, or could not be locked, is not ours to remove.
      if !isKept {
        for path in stagedPaths.prefix(descriptors.count) { SystemCall.removeFile(path) }
        if stagingDescriptor != nil || !descriptors.isEmpty { SystemCall.removeFile(journalPath) }
        if stagingDescriptor != nil, let stagingFolder { SystemCall.removeFolder(stagingFolder) }
      }
      for descriptor in descriptors + (stagingDescriptor.map { [$0] } ?? []) { SystemCall.close(descriptor) }
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
    self.waiting = Mutex(Waiting(unstarted: Array(repeating: 0, count: files.count)))
    Interruption.outputBegins()
  }

  /// Where an output is written before it has its name.
  private struct Places {
    /// The folder that holds the target.
    let parent: String
    let stagingFolder: String?
    let stagedPaths: [String]
    let journalPath: String

    init(_ kind: Kind, _ folder: String, _ files: [File]) {
      switch kind {
      case .folder:
        parent = FileSystem.parent(folder)
        let staging = FileSystem.join(parent, "." + FileSystem.lastComponent(folder) + ".partial")
        stagingFolder = staging
        stagedPaths = files.map { FileSystem.join(staging, $0.name) }
        journalPath = staging + ".journal"
      case .files:
        parent = folder
        stagingFolder = nil
        stagedPaths = files.map { FileSystem.join(folder, "." + $0.name + ".partial") }
        journalPath = (stagedPaths.first ?? FileSystem.join(folder, ".partial")) + ".journal"
      }
    }
  }

  /// Names beside the target that writing it makes, replaces or removes.
  public static func hiddenPaths(_ kind: Kind, in folder: String, files: [File]) -> [String] {
    let places = Places(kind, folder, files)
    return (places.stagingFolder.map { [$0, $0 + ".old"] } ?? places.stagedPaths) + [places.journalPath]
  }

  /// Looks at a target before anything is made of it.
  /// - Throws: `FileError` when there is no folder to hold it, nothing may be written there, or the disk has too little
  ///   space for the files whose length is known.
  public static func check(_ kind: Kind, in folder: String, files: [File]) throws(FileError) {
    try check(Places(kind, folder, files), files, target: folder)
  }

  private static func check(_ places: Places, _ files: [File], target: String) throws(FileError) {
    guard FileSystem.isFolder(places.parent) else {
      throw FileError(.missing, path: places.parent, "no such folder; create it first")
    }
    var failures = FileErrors()
    failures.attempt { () throws(FileError) in try SystemCall.requireWritable(folder: places.parent) }
    if places.stagingFolder != nil, FileSystem.isFolder(target) {
      // It is replaced, and its files are removed.
      failures.attempt { () throws(FileError) in try SystemCall.requireWritable(folder: target) }
    }
    failures.attempt { () throws(FileError) in try checkSpace(for: files, places, target: target) }
    try failures.check()
  }

  /// - Throws: `FileError` when the files need more space than the disk has, with what is there of them already.
  private static func checkSpace(for files: [File], _ places: Places, target: String) throws(FileError) {
    let total = files.reduce(0) { sum, file in
      let (total, overflow) = sum.addingReportingOverflow(file.byteCount ?? 0)
      return overflow ? .max : total
    }
    let taken = places.stagedPaths.reduce(0) { $0 + (SystemCall.status(ofPath: $1)?.allocatedByteCount ?? 0) }
    if let free = FileSystem.freeBytes(at: places.parent), total > free.addingReportingOverflow(taken).partialValue {
      throw FileError(
        .system, path: target,
        "\(total) bytes are to be written, but the disk has \(free) left; free some space or choose another target")
    }
  }

  /// The folders inside a new one that its files lie in.
  private static func innerFolders(_ files: [File]) -> [String] {
    Set(files.filter { $0.name.utf8.contains(UInt8(ascii: "/")) }.map { FileSystem.parent($0.name) }).sorted()
  }

  /// Makes the folders inside a staging folder, and removes what another job has left there.
  /// - Throws: `FileError` when something cannot be removed, which would become a part of the output.
  private static func makeFolders(in stagingFolder: String, for files: [File]) throws(FileError) {
    let (inner, names) = (innerFolders(files), Set(files.map(\.name)))
    for name in try SystemCall.names(inFolder: stagingFolder) where !names.contains(name) && !inner.contains(name) {
      try removeLeft(FileSystem.join(stagingFolder, name))
    }
    for folder in inner {
      let path = FileSystem.join(stagingFolder, folder)
      guard FileSystem.isFolder(path), !FileSystem.isLink(path) else {
        try removeLeft(path)
        try SystemCall.makeFolder(path)
        continue
      }
      for name in try SystemCall.names(inFolder: path) where !names.contains(FileSystem.join(folder, name)) {
        try removeLeft(FileSystem.join(path, name))
      }
    }
  }

  private static func removeLeft(_ path: String) throws(FileError) {
    SystemCall.removeFile(path)
    guard !FileSystem.isTaken(path) else {
      throw FileError(.exists, path: path, "is none of ours and in the way of a new output; remove it")
    }
  }

  /// - Throws: `FileError` when the target is there.
  private static func refuseExisting(_ kind: Kind, _ folder: String, _ files: [File]) throws(FileError) {
    let targets = kind == .folder ? [folder] : files.map { FileSystem.join(folder, $0.name) }
    for target in targets where FileSystem.isTaken(target) {
      // Nothing is lost with a folder that has nothing in it.
      if kind == .folder, FileSystem.isEmptyFolder(target) { continue }
      throw FileError(.exists, path: target, "is there already", remedy: .replaceExisting)
    }
  }

  deinit {
    guard !isFinished.withLock({ $0 }) else { return }
    discard()
    close()
  }

  /// Writes `bytes` into file number `file` at `offset`. May be called from several tasks at once.
  /// - Throws: `FileError` when the system refuses, or has asked the process to stop.
  public func write(_ bytes: RawSpan, file: Int, at offset: Int) throws(FileError) {
    precondition(!isFinished.withLock { $0 }, "nothing may be written after commit()")
    try Interruption.check(target)
    try SystemCall.write(descriptors[file], bytes, at: offset, path: stagedPaths[file])
    let isDue = waiting.withLock { waiting in
      waiting.unsynced += bytes.byteCount
      waiting.unstarted[file] += bytes.byteCount
      guard waiting.unstarted[file] >= Self.mostWaitingBytes else { return false }
      waiting.unstarted[file] = 0
      return true
    }
    if isDue { SystemCall.startWriting(descriptors[file]) }
  }

  /// Bytes that a file of the partial output has now.
  public func byteCount(ofFile file: Int) throws(FileError) -> Int {
    try SystemCall.status(of: descriptors[file], path: stagedPaths[file]).byteCount
  }

  /// Cuts a file of the partial output off, or makes it longer.
  public func setLength(ofFile file: Int, to byteCount: Int) throws(FileError) {
    try SystemCall.setLength(descriptors[file], to: byteCount, path: stagedPaths[file])
  }

  /// Notes that everything of an item has been written, for a later run of the same job. `note` has no line ends.
  public func finish(item: Int, note: String = "") throws(FileError) {
    guard let journal else { return }
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

  /// Brings all files to disk. After a failure nobody knows what of them is there, and the system may not say it again.
  private func synchronize() throws(FileError) {
    do throws(FileError) {
      for (descriptor, path) in zip(descriptors, stagedPaths) {
        try SystemCall.synchronize(descriptor, path: path)
      }
    } catch {
      journal?.distrust()
      throw error
    }
  }

  /// Leaves the partial output for a later run of the same job. Nothing may be written afterwards.
  /// - Returns: whether there is anything of it; without a fingerprint or an item that is complete it is removed.
  public func keep() -> Bool {
    guard let journal, journal.itemCount > 0 else { return false }
    isFinished.withLock { $0 = true }
    close()
    return true
  }

  /// What is said of a failure, after the partial output was kept where another run of the job could do better. Nothing
  /// may be written afterwards.
  public func stopped(by failure: FileError) -> FileError {
    guard [.interrupted, .system, .exists].contains(failure.code), keep() else { return failure }
    return failure.with(.goOn, message: failure.code == .interrupted ? "interrupted" : nil)
  }

  /// Syncs everything and gives it the target's name. Nothing may be written afterwards.
  /// - Throws: `FileError` when something cannot be brought to disk or renamed, or has taken the target's name since.
  public func commit() throws(FileError) {
    if !replacing { try Self.refuseExisting(kind, folder, files) }
    try synchronize()
    if let stagingFolder {
      for folder in Self.innerFolders(files) {
        try SystemCall.synchronizeFolder(FileSystem.join(stagingFolder, folder))
      }
      try SystemCall.synchronizeFolder(stagingFolder)
    }
    switch kind {
    case .files: try replaceFiles()
    case .folder: try replaceFolder()
    }
    isFinished.withLock { $0 = true }
    defer { close() }
    // It speaks of inodes that have another name now, so that no run goes on with it even if this one ends here.
    journal?.remove()
    try SystemCall.synchronizeFolder(kind == .folder ? FileSystem.parent(folder) : folder)
  }

  /// A set is opened by its first file: that goes before the others change and comes last, so that old and new ones are
  /// never read as one set.
  private func replaceFiles() throws(FileError) {
    let moves = zip(stagedPaths, files.map { FileSystem.join(folder, $0.name) })
    if files.count > 1, let first = files.first {
      SystemCall.removeFile(FileSystem.join(folder, first.name))
      try SystemCall.synchronizeFolder(folder)
      for (path, target) in moves.dropFirst() { try SystemCall.rename(path, to: target) }
      try SystemCall.synchronizeFolder(folder)
    }
    for (path, target) in moves.prefix(1) { try SystemCall.rename(path, to: target) }
  }

  /// A folder with files in it cannot be renamed over: old and new change names, and the old one goes last. Until it is
  /// gone it is locked: it has the staging folder's name, and another run must not take it for its own.
  private func replaceFolder() throws(FileError) {
    guard let stagingFolder else { return }
    guard FileSystem.isTaken(folder) else {
      return try SystemCall.rename(stagingFolder, to: folder)
    }
    let old = FileSystem.isFolder(folder) ? try SystemCall.openLockedFolder(folder) : nil
    defer { if let old { SystemCall.close(old) } }
    if SystemCall.exchange(stagingFolder, folder) { return Self.remove(stagingFolder) }
    // Where the file system has no such call, there is a moment without either.
    let aside = stagingFolder + ".old"
    Self.remove(aside)
    try SystemCall.rename(folder, to: aside)
    do throws(FileError) {
      try SystemCall.rename(stagingFolder, to: folder)
    } catch {
      try SystemCall.rename(aside, to: folder)
      throw error
    }
    Self.remove(aside)
  }

  /// Removes what an output has replaced: a folder of files, or a file.
  private static func remove(_ path: String) {
    SystemCall.removeFolder(path)
    SystemCall.removeFile(path)
  }

  private func close() {
    for descriptor in descriptors { SystemCall.close(descriptor) }
    if let stagingDescriptor { SystemCall.close(stagingDescriptor) }
    Interruption.outputEnds()
  }

  private func discard() {
    journal?.remove()
    for path in stagedPaths { SystemCall.removeFile(path) }
    if let stagingFolder { SystemCall.removeFolder(stagingFolder) }
  }
}
