internal import Bytes

/// The entries of a zip archive, each checked against its own header, and against all others for overlap.
///
/// Read here since libraries for zip hand out streams of an entry's bytes, and trust the headers for where they lie.
///
/// Source: PKWARE, APPNOTE.TXT 6.3.10.
struct ZipDirectory {
  /// In the order of the directory.
  let entries: [ZipEntry]
  private let positions: [String: Int]

  static let maximumByteCount = 100_000_000
  static let maximumEntryCount = 1 << 18
  static let maximumNameByteCount = 1024

  func entry(named name: String) -> ZipEntry? { positions[name].map { entries[$0] } }

  init(readingFrom source: any ByteSource) throws(FileError) {
    let end = try End(readingFrom: source)
    var cursor = ByteCursor(source, at: end.directoryOffset)
    var records: [Record] = []
    var positions: [String: Int] = [:]
    var folded: Set<String> = []
    for number in 0..<end.entryCount {
      let record = try Record(&cursor, before: end.directoryOffset + end.directoryByteCount, of: source)
      // Readers differ in whether they tell small letters from capitals.
      guard folded.insert(record.name.lowercased()).inserted else {
        throw TorchPickleRule.entryName.broken(
          path: source.path, subject: record.name, at: record.place, "two entries of the archive have this name")
      }
      positions[record.name] = number
      records.append(record)
    }
    guard cursor.offset == end.directoryOffset + end.directoryByteCount else {
      throw TorchPickleRule.directory.broken(
        path: source.path, at: cursor.offset,
        "the archive's directory has \(end.directoryByteCount) bytes, but its \(end.entryCount) entries end here")
    }
    var entries: [ZipEntry] = []
    for record in records {
      entries.append(try record.located(in: source, before: end.directoryOffset))
    }
    var last: (end: Int, name: String) = (0, "")
    for number in records.indices.sorted(by: { records[$0].headerOffset < records[$1].headerOffset }) {
      let (record, entry) = (records[number], entries[number])
      guard record.headerOffset >= last.end else {
        throw TorchPickleRule.entryRange.broken(
          path: source.path, subject: entry.name, at: record.headerOffset,
          "the entry begins inside \(FileError.quoted(last.name)), which ends at byte \(last.end)")
      }
      last = (entry.offset + entry.byteCount, entry.name)
    }
    self.entries = entries
    self.positions = positions
  }

  // MARK: - The end of the archive

  /// The records at the end, which say where the directory lies.
  private struct End {
    var directoryOffset: Int
    var directoryByteCount: Int
    var entryCount: Int

    private static let byteCount = 22
    private static let longestComment = 0xFFFF
    private static let signature: [UInt8] = [0x50, 0x4B, 0x05, 0x06]

    init(readingFrom source: any ByteSource) throws(FileError) {
      let path = source.path
      let tail = try source.bytes(
        at: max(0, source.byteCount - Self.byteCount - Self.longestComment),
        count: min(source.byteCount, Self.byteCount + Self.longestComment))
      let place = stride(from: tail.count - Self.byteCount, through: 0, by: -1).first { place in
        tail[place...].starts(with: Self.signature)
          && Int(tail[place + 20]) | Int(tail[place + 21]) << 8 == tail.count - place - Self.byteCount
      }
      guard let place else {
        throw TorchPickleRule.endOfDirectory.broken(
          .truncated, path: path, at: source.byteCount,
          "the zip archive's directory is not at the end of the file; is the download complete?")
      }
      let start = source.byteCount - tail.count + place
      var cursor = ByteCursor(source, at: start + 4)
      let disks = [try cursor.read(UInt16.self), try cursor.read(UInt16.self)]
      let counts = [try cursor.read(UInt16.self), try cursor.read(UInt16.self)]
      let (size, offset) = (try cursor.read(UInt32.self), try cursor.read(UInt32.self))
      var end = start
      if counts.contains(.max) || size == .max || offset == .max || disks.contains(.max) {
        let wide = try Wide(readingFrom: source, before: start)
        entryCount = wide.entryCount
        directoryByteCount = wide.directoryByteCount
        directoryOffset = wide.directoryOffset
        end = wide.start
      } else {
        guard disks == [0, 0], counts[0] == counts[1] else {
          throw TorchPickleRule.endOfDirectory.broken(
            path: path, at: start, "the zip archive is said to be in several parts, which torch does not write")
        }
        entryCount = Int(counts[0])
        directoryByteCount = Int(size)
        directoryOffset = Int(offset)
      }
      guard directoryByteCount <= ZipDirectory.maximumByteCount, entryCount <= ZipDirectory.maximumEntryCount else {
        throw TorchPickleRule.directory.broken(
          .unsupported, path: path, at: start,
          "the archive's directory has \(directoryByteCount) bytes for \(entryCount) entries; at most "
            + "\(ZipDirectory.maximumByteCount) bytes and \(ZipDirectory.maximumEntryCount) entries are read")
      }
      guard directoryOffset <= end, directoryByteCount <= end - directoryOffset else {
        throw TorchPickleRule.directory.broken(
          path: path, at: start,
          "the archive's directory is said to be \(directoryByteCount) bytes at \(directoryOffset), but what ends it "
            + "begins at \(end)")
      }
    }
  }

  /// The same in 64 bits.
  private struct Wide {
    let start: Int
    let entryCount: Int
    let directoryByteCount: Int
    let directoryOffset: Int

    private static let locatorByteCount = 20
    private static let byteCount = 56

    /// - Parameter end: where the record in 16 and 32 bits begins.
    init(readingFrom source: any ByteSource, before end: Int) throws(FileError) {
      func broken(_ message: String) -> FileError {
        TorchPickleRule.endOfDirectory.broken(path: source.path, at: max(0, end - Self.locatorByteCount), message)
      }
      let missing = "numbers of 64 bits are announced for the archive, but their record is not there"
      guard end >= Self.locatorByteCount + Self.byteCount else { throw broken(missing) }
      var locator = ByteCursor(source, at: end - Self.locatorByteCount)
      let signature = try locator.read(UInt32.self)
      let disk = try locator.read(UInt32.self)
      let place = try locator.read(UInt64.self)
      let disks = try locator.read(UInt32.self)
      guard signature == 0x0706_4B50, disk == 0, disks <= 1 else { throw broken(missing) }
      guard place <= UInt64(end - Self.locatorByteCount - Self.byteCount), let start = Int(exactly: place) else {
        throw broken("the record of numbers of 64 bits is said to be at byte \(place), where it cannot be")
      }
      var cursor = ByteCursor(source, at: start)
      guard try cursor.read(UInt32.self) == 0x0606_4B50 else { throw broken(missing) }
      let size = try cursor.read(UInt64.self)
      guard size == UInt64(end - Self.locatorByteCount - start - 12) else {
        throw broken("the record of numbers of 64 bits is said to have \(size) bytes more, which is not where it ends")
      }
      try cursor.skip(4)
      let partNumbers = [try cursor.read(UInt32.self), try cursor.read(UInt32.self)]
      let counts = [try cursor.read(UInt64.self), try cursor.read(UInt64.self)]
      let (byteCount, offset) = (try cursor.read(UInt64.self), try cursor.read(UInt64.self))
      guard partNumbers == [0, 0], counts[0] == counts[1], let entries = Int(exactly: counts[0]),
        let bytes = Int(exactly: byteCount), let directory = Int(exactly: offset)
      else { throw broken("the record of numbers of 64 bits is not that of an archive in one file") }
      self.start = start
      entryCount = entries
      directoryByteCount = bytes
      directoryOffset = directory
    }
  }

  // MARK: - Entries

  /// An entry as the directory describes it.
  private struct Record {
    let name: String
    let byteCount: Int
    let headerOffset: Int
    let flags: UInt16
    /// Where the description is.
    let place: Int

    private static let byteCount = 46
    /// Bits of `flags`: the bytes are enciphered; sizes come after the bytes; the name is UTF-8.
    private static let enciphered: UInt16 = 1
    private static let sizesFollow: UInt16 = 1 << 3
    private static let plainFlags: UInt16 = 1 << 3 | 1 << 11

    init(
      _ cursor: inout ByteCursor, before end: Int, of source: any ByteSource
    ) throws(FileError) {
      let start = cursor.offset
      func broken(_ rule: TorchPickleRule, _ message: String, _ code: FileError.Code = .malformed) -> FileError {
        rule.broken(code, path: source.path, at: start, message)
      }
      guard end - start >= Self.byteCount, try cursor.read(UInt32.self) == 0x0201_4B50 else {
        throw broken(.directoryEntry, "an entry of the archive's directory is expected here")
      }
      try cursor.skip(4)
      flags = try cursor.read()
      let method = try cursor.read(UInt16.self)
      try cursor.skip(8)
      let (packed, plain) = (try cursor.read(UInt32.self), try cursor.read(UInt32.self))
      let nameCount = Int(try cursor.read(UInt16.self))
      let extraCount = Int(try cursor.read(UInt16.self))
      let commentCount = Int(try cursor.read(UInt16.self))
      let disk = try cursor.read(UInt16.self)
      try cursor.skip(6)
      let offset = try cursor.read(UInt32.self)
      guard end - cursor.offset >= nameCount + extraCount + commentCount else {
        throw broken(.directoryEntry, "an entry of the archive's directory goes on behind the directory's end")
      }
      let nameBytes = try cursor.readBytes(nameCount)
      let extra = try cursor.readBytes(extraCount)
      try cursor.skip(commentCount)
      guard (1...ZipDirectory.maximumNameByteCount).contains(nameCount), !nameBytes.contains(0),
        let name = String(validating: nameBytes, as: UTF8.self), StreamSafeText.holds(name)
      else {
        throw broken(
          .entryName,
          "the name of an entry is 1 to \(ZipDirectory.maximumNameByteCount) bytes of text; here are \(nameCount)")
      }
      self.name = name
      place = start
      guard flags & Self.enciphered == 0, method == 0 else {
        throw TorchPickleRule.storedEntry.broken(
          .unsupported, path: source.path, subject: name, at: start,
          "the entry is \(method == 0 ? "enciphered" : "compressed"), which torch never does; unpack the archive and "
            + "store it again without compression (zip -0 -r)")
      }
      guard flags & ~Self.plainFlags == 0, disk == 0 else {
        throw broken(.directoryEntry, "the entry is stored in a way that torch does not write")
      }
      guard let wide = Self.wide(extra, [plain == .max, packed == .max, offset == .max]) else {
        throw broken(.directoryEntry, "numbers of 64 bits are announced for the entry, but are not there")
      }
      let sizes = (wide[1] ?? Int(packed), wide[0] ?? Int(plain))
      guard sizes.0 == sizes.1 else {
        throw TorchPickleRule.storedEntry.broken(
          path: source.path, subject: name, at: start,
          "the entry is not compressed, but said to have \(sizes.0) bytes packed and \(sizes.1) unpacked")
      }
      byteCount = sizes.0
      headerOffset = wide[2] ?? Int(offset)
    }

    /// The numbers of 64 bits in an entry's extra fields: those that are wanted, in their order. Nil where they are not
    /// there or no lengths.
    private static func wide(_ extra: [UInt8], _ wanted: [Bool]) -> [Int?]? {
      guard wanted.contains(true) else { return wanted.map { _ in nil } }
      var place = 0
      while place + 4 <= extra.count {
        let tag = Int(extra[place]) | Int(extra[place + 1]) << 8
        let count = Int(extra[place + 2]) | Int(extra[place + 3]) << 8
        place += 4
        guard count <= extra.count - place else { return nil }
        if tag == 1 {
          var numbers: [Int?] = []
          var next = place
          for isWanted in wanted {
            guard isWanted else {
              numbers.append(nil)
              continue
            }
            guard next + 8 <= place + count else { return nil }
            let value = extra[next..<next + 8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            guard let number = Int(exactly: value) else { return nil }
            numbers.append(number)
            next += 8
          }
          return numbers
        }
        place += count
      }
      return nil
    }

    /// Where the entry's bytes lie, by its own header, which has to say the same.
    /// - Parameter end: where the directory begins.
    func located(in source: any ByteSource, before end: Int) throws(FileError) -> ZipEntry {
      func broken(_ rule: TorchPickleRule, _ message: String) -> FileError {
        rule.broken(path: source.path, subject: name, at: headerOffset, message)
      }
      let outside = "the entry's \(byteCount) bytes do not lie before the archive's directory at byte \(end)"
      guard headerOffset >= 0, headerOffset <= end, end - headerOffset >= 30 else { throw broken(.entryRange, outside) }
      let fixed = try source.bytes(at: headerOffset, count: 30, subject: name)
      func number(_ offset: Int, _ count: Int) -> Int {
        fixed[offset..<offset + count].reversed().reduce(0) { $0 << 8 | Int($1) }
      }
      let (nameCount, extraCount) = (number(26, 2), number(28, 2))
      let start = headerOffset + 30 + nameCount + extraCount
      guard start <= end, byteCount >= 0, byteCount <= end - start else { throw broken(.entryRange, outside) }
      let differs = "the entry's own header says otherwise than the archive's directory"
      guard number(0, 4) == 0x0403_4B50, number(6, 2) == Int(flags), number(8, 2) == 0 else {
        throw broken(.localHeader, differs)
      }
      let ownName = try source.bytes(at: headerOffset + 30, count: nameCount, subject: name)
      guard ownName.elementsEqual(name.utf8) else { throw broken(.localHeader, differs) }
      // Where sizes follow the bytes, zeros stand for them.
      let sizes = [number(18, 4), number(22, 4)]
      if flags & Self.sizesFollow == 0 || sizes != [0, 0] {
        let extra = try source.bytes(at: headerOffset + 30 + nameCount, count: extraCount, subject: name)
        let wide = Self.wide(extra, [sizes[1] == 0xFFFF_FFFF, sizes[0] == 0xFFFF_FFFF])
        let own = [wide?[1] ?? sizes[0], wide?[0] ?? sizes[1]]
        guard own == [byteCount, byteCount] || flags & Self.sizesFollow != 0 && own == [0, 0] else {
          throw broken(.localHeader, differs)
        }
      }
      return ZipEntry(name: name, offset: start, byteCount: byteCount)
    }
  }
}
