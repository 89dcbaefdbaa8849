extension OutputJournal {
  /// A file of the partial output.
  struct File: Hashable, Sendable {
    let inode: UInt64
    /// The length that it has from its beginning; 0 where that is not known beforehand.
    let byteCount: Int

    init(_ status: SystemCall.Status, byteCount: Int?) {
      inode = status.inode
      self.byteCount = byteCount ?? 0
    }

    fileprivate init?(_ words: [Substring]) {
      guard words.count == 3, let inode = UInt64(words[1]), let byteCount = Int(words[2]) else { return nil }
      (self.inode, self.byteCount) = (inode, byteCount)
    }

    /// Whether that is the file. Another one can get the inode of one that was removed.
    func isOf(_ status: SystemCall.Status) -> Bool {
      inode == status.inode && (byteCount == 0 || byteCount == status.byteCount)
    }

    /// Whether that is the file, or a copy of it.
    func isLike(_ status: SystemCall.Status) -> Bool {
      byteCount == 0 ? inode == status.inode : byteCount == status.byteCount
    }
  }

  /// What the job and its files are.
  struct Header: Hashable, Sendable {
    /// Empty for a job that is never gone on with.
    let fingerprint: String
    /// What tells each source from others, as `InputFile.identity`.
    let sources: [String]
    let files: [File]

    var lines: [String] {
      ["\(Content.headingOfAll)\(Content.version)", "fingerprint \(fingerprint)"] + sources.map { "source \($0)" }
        + files.map { "file \($0.inode) \($0.byteCount)" }
    }
  }

  /// What a journal says.
  struct Content: Sendable {
    fileprivate static let headingOfAll = "decant journal "
    fileprivate static let version = 3
    /// No journal is as long.
    private static let mostBytes = 1 << 28

    /// Nil where it is of another version, or was cut off at its very beginning.
    let header: Header?
    /// What it says after its header, a line each.
    private let lines: ArraySlice<String>
    /// Bytes of its complete lines.
    let byteCount: Int
    private let replaced: Set<FolderContents.Entry>
    /// The files in their order, as they were before they got their names; empty before that.
    private let complete: [FolderContents.Entry]

    /// Reads the journal of an output, whoever has it locked; nil where there is none.
    /// - Throws: `FileError` when something else has its name, or it cannot be read.
    static func read(_ path: String) throws(FileError) -> Content? {
      guard let status = try SystemCall.status(ofPath: path, followingLinks: false) else { return nil }
      guard status.kind == .file else { throw OutputPlaces.inTheWay(path) }
      try OutputPlaces.requireOwner(path, status)
      let descriptor = try SystemCall.openForReading(path)
      defer { SystemCall.close(descriptor) }
      return try Content(descriptor, status, path: path)
    }

    /// - Throws: `FileError` when it is no journal, or cannot be read.
    init(_ descriptor: Int32, _ status: SystemCall.Status, path: String) throws(FileError) {
      guard status.byteCount <= Self.mostBytes else { throw OutputPlaces.inTheWay(path) }
      var bytes = [UInt8](repeating: 0, count: status.byteCount)
      let count = try bytes.withMutableBytes { span throws(FileError) in
        try SystemCall.read(descriptor, into: &span, at: 0, path: path)
      }
      let start = bytes.prefix(min(count, Self.headingOfAll.utf8.count))
      guard start.elementsEqual(Self.headingOfAll.utf8.prefix(start.count)) else { throw OutputPlaces.inTheWay(path) }
      let end = bytes.prefix(count).lastIndex(of: UInt8(ascii: "\n")) ?? 0
      let parts = bytes[..<end].split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      // No line is empty; and what is no text cannot be counted by its characters, and is none of ours.
      guard end == 0 || !parts.contains(where: \.isEmpty) else { throw OutputPlaces.inTheWay(path) }
      let texts = parts.compactMap { String(validating: $0, as: UTF8.self) }
      guard texts.count == parts.count else { throw OutputPlaces.inTheWay(path) }
      byteCount = end == 0 ? 0 : end + 1

      var rest = texts[...]
      func take(_ name: String) -> [String] {
        let taken = rest.prefix { $0.hasPrefix(name + " ") }
        rest = rest.dropFirst(taken.count)
        return taken.map { String($0.dropFirst(name.count + 1)) }
      }
      let isOfThisVersion = rest.popFirst() == "\(Self.headingOfAll)\(Self.version)"
      let fingerprints = take("fingerprint")
      let sources = take("source")
      let named = rest.prefix { $0.hasPrefix("file ") }
      let files = named.compactMap { File($0.split(separator: " ")) }
      rest = rest.dropFirst(named.count)
      let isWhole = isOfThisVersion && fingerprints.count == 1 && files.count == named.count
      header = isWhole ? Header(fingerprint: fingerprints[0], sources: sources, files: files) : nil
      lines = isWhole ? rest : []
      func entries(_ name: String) -> [FolderContents.Entry] {
        (isWhole ? rest : []).compactMap { line in
          line.hasPrefix(name + " ") ? FolderContents.Entry(text: line.dropFirst(name.count + 1)) : nil
        }
      }
      replaced = Set(entries("replaced"))
      complete = entries("complete").suffix(files.count)
    }

    /// Whether something is the file of the partial output with this number.
    func isFile(_ number: Int, _ status: SystemCall.Status) -> Bool {
      guard let header, header.files.indices.contains(number) else { return false }
      return header.files[number].isOf(status)
    }

    /// Whether something that has the name of a partial output is one.
    func isPartial(_ status: SystemCall.Status) -> Bool { header?.files.contains { $0.isLike(status) } ?? false }

    /// Whether something is the file with this number, complete, under whatever name.
    func isComplete(_ number: Int, _ status: SystemCall.Status) -> Bool {
      complete.indices.contains(number) && complete[number] == FolderContents.Entry(status)
    }

    /// Whether it speaks of that many files, each of which is an item that is complete and on disk.
    func isAdoption(of count: Int) -> Bool { header?.files.count == count && finished(boot: "").count == count }

    /// Whether a folder holds all of the files, complete.
    func isComplete(in folder: FolderContents) -> Bool {
      !complete.isEmpty && Set(complete).isSubset(of: folder.entries)
    }

    /// Whether something has made room for the output, and is as it was then.
    func isReplaced(_ status: SystemCall.Status) -> Bool { replaced.contains(FolderContents.Entry(status)) }

    /// Whether the run had come to where what it replaces makes room for the output.
    var isReplacing: Bool { !replaced.isEmpty }

    /// What told the sources from others that the items were made of.
    var sources: [String] {
      guard let start = lines.lastIndex(of: "again") else { return header?.sources ?? [] }
      return lines[(start + 1)...].prefix { $0.hasPrefix("source ") }.map { String($0.dropFirst("source ".count)) }
    }

    /// Number of lines of items, whether or not they count.
    var itemCount: Int { lines.count { $0.hasPrefix("item ") } }

    /// Notes of the items whose bytes are there: those known to be on disk, and those of this start of the system.
    func finished(boot: String) -> [Int: String] {
      var items: [(number: Int, note: String, boot: String)] = []
      var current = ""
      // Items before this one do not count; of all others those before the second are on disk.
      var (begin, synced) = (0, 0)
      for line in lines {
        let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        if words == ["again"] { begin = items.count }
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
      for (place, item) in items.enumerated().dropFirst(begin) where place < synced || item.boot == boot {
        finished[item.number] = item.note
      }
      return finished
    }
  }
}
