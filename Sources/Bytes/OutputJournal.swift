internal import Synchronization

/// A small file beside a partial output that says what belongs to it, and which of its items are complete, so that another
/// run of the same job can go on with it and no run removes what is somebody's.
///
/// It is text, a line a fact: `fingerprint` of the job, `source` for each file that is read, with device, inode and time
/// of the last change of any kind, `file` with inode and length of each file of the output, `boot` of the system
/// that the following lines were written under, `item` with its number and a note, and `synced` with the number of
/// `item` lines before it whose bytes are known to be on disk. What a process that was killed has written is there
/// until the system goes down, so items count under the same boot even if they were not brought to disk; after a power
/// failure only those that were. `lost` says the same of a disk that has failed. `again`, followed by `source` lines,
/// begins the items anew. Before the files get their names there are `complete`, with inode, length and time of each, and
/// `replaced`, with the same of what makes room for the output and is removed when it stands. A last line without its end
/// is none.
final class OutputJournal: Sendable {
  private let path: String
  private let descriptor: Int32
  /// Keeps the file open that is gone on with.
  private let earlier: EarlierJournal?

  private struct State {
    /// Where the next line goes.
    var end: Int
    var itemCount: Int
  }

  private let state: Mutex<State>

  /// Goes on with the journal that an earlier run has left, which is of this job and speaks of these files.
  /// - Parameters:
  ///   - again: what tells the sources from others now, where the earlier run has read others.
  ///   - finished: the items that count then.
  init(
    goingOnWith earlier: EarlierJournal, path: String, again: [String]?, finished: [Int: String]
  ) throws(FileError) {
    self.path = path
    self.earlier = earlier
    descriptor = earlier.descriptor
    state = Mutex(State(end: earlier.content.byteCount, itemCount: earlier.content.itemCount))
    try SystemCall.setLength(descriptor, to: earlier.content.byteCount, path: path)
    if let again { try append((["again"] + again.map { "source \($0)" }).joined(separator: "\n")) }
    try appendBoot()
    guard again != nil else { return }
    for (item, note) in finished.sorted(by: { $0.key < $1.key }) { try finish(item, note: note) }
  }

  /// Begins a new one, and brings it to disk: what it speaks of is not to be taken for somebody's after a power failure.
  init(path: String, _ header: Header, _ permissions: Permissions) throws(FileError) {
    self.path = path
    earlier = nil
    // One that has appeared is another run's, and speaks of files that nobody would know without it.
    descriptor = try SystemCall.makeNewFile(path, permissions)
    state = Mutex(State(end: 0, itemCount: 0))
    do throws(FileError) {
      try append(header.lines.joined(separator: "\n"))
      try appendBoot()
      try SystemCall.synchronize(descriptor, path: path)
    } catch {
      // Half of it is of no use.
      throw removed(after: error)
    }
  }

  /// Removes the file, of which there is no use after a failure.
  /// - Returns: what is said of that, with what could not be removed.
  func removed(after failure: FileError) -> FileError {
    var left = FileErrors()
    left.attempt { () throws(FileError) in try remove() }
    return failure.with(others: left.all)
  }

  /// Notes that all files are complete and what makes room for them, and brings that to disk.
  func placing(_ complete: [FolderContents.Entry], replacing replaced: [FolderContents.Entry]) throws(FileError) {
    let lines = complete.map { "complete \($0.text)" } + replaced.map { "replaced \($0.text)" }
    guard !lines.isEmpty else { return }
    try append(lines.joined(separator: "\n"))
    try SystemCall.synchronize(descriptor, path: path)
  }

  deinit { if earlier == nil { SystemCall.close(descriptor) } }

  private func appendBoot() throws(FileError) {
    if let boot = FileSystem.bootIdentifier { try append("boot \(boot)") }
  }

  /// Notes that an item is complete. `note` has no line ends.
  func finish(_ item: Int, note: String) throws(FileError) {
    try append("item \(item) \(note)", isItem: true)
  }

  /// Number of items noted by now, for `synchronized`.
  var itemCount: Int { state.withLock { $0.itemCount } }

  /// Notes that everything written for the first `count` items is on disk, and brings the journal there.
  func synchronized(_ count: Int) throws(FileError) {
    try append("synced \(count)")
    try SystemCall.synchronize(descriptor, path: path)
  }

  /// Notes that items which are not known to be on disk do not count.
  func distrust() {
    do throws(FileError) {
      try append("lost unsynced")
    } catch {
      // Nobody goes on with an output without its journal. Where it cannot be removed either, the disk is past help.
      try? remove()
    }
  }

  /// Lets another run have the file.
  func unlock() { SystemCall.unlock(descriptor) }

  /// Removes the file, unless somebody has put another one in its place.
  func remove() throws(FileError) {
    do throws(FileError) {
      try SystemCall.removeFile(path, openAs: descriptor)
    } catch {
      throw FileError(error.code, path: path, "is of no more use, and cannot be removed: \(error.message)")
    }
  }

  private func append(_ line: String, isItem: Bool = false) throws(FileError) {
    let bytes = Array((line + "\n").utf8)
    let failure = state.withLock { state -> FileError? in
      do throws(FileError) {
        try bytes.withBytes { span throws(FileError) in
          try SystemCall.write(descriptor, span, at: state.end, path: path)
        }
      } catch {
        return error
      }
      state.end += bytes.count
      if isItem { state.itemCount += 1 }
      return nil
    }
    if let failure { throw failure }
  }
}
