/// The journal that an earlier run has left beside its partial output, locked against other runs for as long as this is
/// alive.
final class EarlierJournal: Sendable {
  let descriptor: Int32
  /// Bytes of its complete lines; a last line without its end is none.
  let byteCount: Int
  private let header: OutputJournal.Header?
  private let lines: ArraySlice<String>

  /// - Parameter fingerprint: what identifies the job; the journal of another says nothing.
  /// - Returns: nil where there is none.
  /// - Throws: `FileError` with the code `exists` while another run has it locked, or when it cannot be read.
  init?(path: String, fingerprint: String) throws(FileError) {
    guard let left = try SystemCall.openLeftFile(path) else { return nil }
    descriptor = left.descriptor
    do throws(FileError) {
      // By another name it is somebody's who would find it changed.
      let lines = left.status.linkCount == 1 ? try Self.lines(of: left.descriptor, left.status, path: path) : []
      byteCount = lines.reduce(0) { $0 + $1.utf8.count + 1 }
      let header = OutputJournal.Header(lines: lines)
      self.header = header?.fingerprint == fingerprint ? header : nil
      self.lines = self.header == nil ? [] : lines.dropFirst(header?.lines.count ?? 0)
    } catch {
      SystemCall.close(left.descriptor)
      throw error
    }
  }

  deinit { SystemCall.close(descriptor) }

  /// Whether something is the file of the partial output with this number.
  func isFile(_ number: Int, _ status: SystemCall.Status) -> Bool {
    guard let header, header.files.indices.contains(number) else { return false }
    return header.files[number].isOf(status)
  }

  /// What told the sources that were read from others.
  var sources: [String] { header?.sources ?? [] }

  /// Number of lines of items, whether or not they count.
  var itemCount: Int { lines.count { $0.hasPrefix("item ") } }

  /// Whether something is a file of the partial output that the journal at a path speaks of: a run that was killed while
  /// it gave its files their names has left it.
  static func isOurs(_ status: SystemCall.Status, journal path: String) throws(FileError) -> Bool {
    guard let found = try SystemCall.status(ofPath: path, followingLinks: false), found.kind == .file else {
      return false
    }
    let descriptor = try SystemCall.openForReading(path)
    defer { SystemCall.close(descriptor) }
    let header = OutputJournal.Header(lines: try lines(of: descriptor, found, path: path))
    return header?.files.contains { $0.isOf(status) } ?? false
  }

  private static func lines(
    of descriptor: Int32, _ status: SystemCall.Status, path: String
  ) throws(FileError) -> [String] {
    guard status.byteCount <= 1 << 28 else { return [] }
    var bytes = [UInt8](repeating: 0, count: status.byteCount)
    let count = try bytes.withMutableBytes { span throws(FileError) in
      try SystemCall.read(descriptor, into: &span, at: 0, path: path)
    }
    guard let end = bytes.prefix(count).lastIndex(of: UInt8(ascii: "\n")) else { return [] }
    let lines = bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    // What is no text cannot be counted by its characters, and is none of ours.
    let texts = lines.compactMap { String(validating: $0, as: UTF8.self) }
    return texts.count == lines.count ? texts : []
  }

  /// Notes of the items whose bytes are there: those known to be on disk, and those of this start of the system.
  func finished(boot: String) -> [Int: String] {
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
