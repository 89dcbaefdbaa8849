internal import Synchronization

/// A small file beside a partial output that says which of its items are complete, so that another run of the same job
/// can go on with it.
///
/// It is text, a line a fact: `fingerprint` of the job, `file` with device, inode and length of each file of the
/// output, `boot` of the system that the following lines were written under, `item` with its number and a note, and
/// `synced` with the number of `item` lines before it whose bytes are known to be on disk. What a process that was
/// killed has written is there until the system goes down, so items count under the same boot even if they were not
/// brought to disk; after a power failure only those that were. `lost` says the same of a disk that has failed. A last
/// line without its end is none.
final class OutputJournal: Sendable {
  /// Notes of the items that an earlier run has completed.
  let finished: [Int: String]
  private let path: String
  private let descriptor: Int32

  private struct State {
    /// Where the next line goes.
    var end: Int
    var itemCount: Int
  }

  private let state: Mutex<State>

  private static let heading = "decant journal 1"

  /// Goes on with the journal at `path` where it is of the same job and files; begins a new one otherwise.
  init(path: String, fingerprint: String, files: [SystemCall.Status]) throws(FileError) {
    let boot = FileSystem.bootIdentifier
    let header = Self.header(fingerprint, files)
    let descriptor = try SystemCall.openForWriting(path)
    do throws(FileError) {
      let found = try Self.lines(of: descriptor, path: path)
      if found.lines.starts(with: header), let boot {
        finished = Self.finished(in: found.lines.dropFirst(header.count), boot: boot)
        let itemCount = found.lines.count { $0.hasPrefix("item ") }
        try SystemCall.setLength(descriptor, to: found.byteCount, path: path)
        state = Mutex(State(end: found.byteCount, itemCount: itemCount))
      } else {
        finished = [:]
        try SystemCall.setLength(descriptor, to: 0, path: path)
        state = Mutex(State(end: 0, itemCount: 0))
      }
    } catch {
      SystemCall.close(descriptor)
      throw error
    }
    self.path = path
    self.descriptor = descriptor
    let isNew = state.withLock { $0.end == 0 }
    for line in (isNew ? header : []) + (boot.map { ["boot \($0)"] } ?? []) { try append(line) }
  }

  deinit { SystemCall.close(descriptor) }

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
      remove()
    }
  }

  func remove() { SystemCall.removeFile(path) }

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

  // MARK: - Reading

  private static func header(_ fingerprint: String, _ files: [SystemCall.Status]) -> [String] {
    [heading, "fingerprint \(fingerprint)"] + files.map { "file \($0.device) \($0.inode) \($0.byteCount)" }
  }

  /// The complete lines, and how many bytes they take.
  private static func lines(of descriptor: Int32, path: String) throws(FileError) -> (lines: [String], byteCount: Int) {
    let length = try SystemCall.status(of: descriptor, path: path).byteCount
    guard length <= 1 << 28 else { return ([], 0) }
    var bytes = [UInt8](repeating: 0, count: length)
    try bytes.withMutableBytes { span throws(FileError) in
      _ = try SystemCall.read(descriptor, into: &span, at: 0, path: path)
    }
    guard let end = bytes.lastIndex(of: UInt8(ascii: "\n")) else { return ([], 0) }
    let lines = bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return (lines.map { String(decoding: $0, as: UTF8.self) }, end + 1)
  }

  private static func finished(in lines: ArraySlice<String>, boot: String) -> [Int: String] {
    var items: [(number: Int, note: String, boot: String)] = []
    var current = ""
    var synced = 0
    for line in lines {
      let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
      guard words.count > 1 else { continue }
      switch words[0] {
      case "boot": current = words[1]
      case "lost": for place in items.indices.dropFirst(synced) { items[place].boot = "" }
      case "synced": synced = max(synced, Int(words[1]) ?? 0)
      case "item":
        if let number = Int(words[1]) { items.append((number, words.count > 2 ? words[2] : "", current)) }
      default: break
      }
    }
    var finished: [Int: String] = [:]
    for (place, item) in items.enumerated() where place < synced || item.boot == boot {
      finished[item.number] = item.note
    }
    return finished
  }
}
