internal import Synchronization

/// A small file beside a partial output that says which of its items are complete, so that another run of the same job
/// can go on with it.
///
/// It is text, a line a fact: `fingerprint` of the job, `source` for each file that is read, with device, inode and time
/// of the last change of any kind, `file` with device, inode and length of each file of the output, `boot` of the system
/// that the following lines were written under, `item` with its number and a note, and `synced` with the number of
/// `item` lines before it whose bytes are known to be on disk. What a process that was killed has written is there
/// until the system goes down, so items count under the same boot even if they were not brought to disk; after a power
/// failure only those that were. `lost` says the same of a disk that has failed. A last line without its end is none.
final class OutputJournal: Sendable {
  /// A file of the partial output.
  struct File: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
    /// The length that it will have, where that is known beforehand.
    let byteCount: Int

    init(_ status: SystemCall.Status, byteCount: Int?) {
      device = status.device
      inode = status.inode
      self.byteCount = byteCount ?? 0
    }

    fileprivate init?(_ words: [Substring]) {
      guard words.count == 4, let device = UInt64(words[1]), let inode = UInt64(words[2]), let byteCount = Int(words[3])
      else { return nil }
      (self.device, self.inode, self.byteCount) = (device, inode, byteCount)
    }

    /// Whether that is the file, by whatever name.
    func isOf(_ status: SystemCall.Status) -> Bool { device == status.device && inode == status.inode }
  }

  /// What the job and its files are.
  struct Header: Hashable, Sendable {
    let fingerprint: String
    /// What tells each source from others, as `InputFile.identity`.
    let sources: [String]
    let files: [File]

    init(fingerprint: String, sources: [String], files: [File]) {
      (self.fingerprint, self.sources, self.files) = (fingerprint, sources, files)
    }

    /// The beginning of a journal; nil where it is none of this version.
    init?(lines: [String]) {
      guard lines.first == OutputJournal.heading, let line = lines.dropFirst().first, line.hasPrefix("fingerprint ")
      else { return nil }
      fingerprint = String(line.dropFirst("fingerprint ".count))
      let rest = lines.dropFirst(2)
      sources = rest.prefix { $0.hasPrefix("source ") }.map { String($0.dropFirst("source ".count)) }
      let named = rest.dropFirst(sources.count).prefix { $0.hasPrefix("file ") }
      files = named.compactMap { File($0.split(separator: " ")) }
      guard files.count == named.count, !files.isEmpty else { return nil }
    }

    var lines: [String] {
      [OutputJournal.heading, "fingerprint \(fingerprint)"] + sources.map { "source \($0)" }
        + files.map { "file \($0.device) \($0.inode) \($0.byteCount)" }
    }
  }

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

  private static let heading = "decant journal 2"

  /// Goes on with the journal that an earlier run has left, which is of this job and speaks of these files.
  init(goingOnWith earlier: EarlierJournal, path: String) throws(FileError) {
    self.path = path
    self.earlier = earlier
    descriptor = earlier.descriptor
    state = Mutex(State(end: earlier.byteCount, itemCount: earlier.itemCount))
    try SystemCall.setLength(descriptor, to: earlier.byteCount, path: path)
    try appendBoot()
  }

  /// Begins a new one, with what is known to be complete of an earlier run.
  init(path: String, _ header: Header, finished: [Int: String], _ permissions: Permissions) throws(FileError) {
    self.path = path
    earlier = nil
    descriptor = try SystemCall.makeFile(path, permissions)
    state = Mutex(State(end: 0, itemCount: 0))
    try append(header.lines.joined(separator: "\n"))
    try appendBoot()
    for (item, note) in finished.sorted(by: { $0.key < $1.key }) { try finish(item, note: note) }
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

  func remove() throws(FileError) { try SystemCall.removeFile(path) }

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
