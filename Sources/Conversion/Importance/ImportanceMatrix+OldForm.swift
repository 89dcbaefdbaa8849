internal import Bytes

// The binary form that llama-imatrix wrote before GGUF (`.dat`, `.imatrix`), and still writes when asked to.
extension ImportanceMatrix {
  /// Length of a name, a byte of it, number of windows, number of values, a value.
  private static let leastEntrySize = 4 + 1 + 4 + 4 + 4
  /// That of a tensor in a GGUF.
  private static let longestName = 64

  init(oldForm bytes: any ByteSource) throws(FileError) {
    var cursor = ByteCursor(bytes)
    guard bytes.byteCount >= 4 else {
      throw ImportanceRule.form.broken(.unsupported, path: bytes.path, "is not an importance matrix: too short")
    }
    let entryCount = Int(try cursor.read(Int32.self))
    guard entryCount >= 1, entryCount <= cursor.remaining / Self.leastEntrySize else {
      throw ImportanceRule.oldHeader.broken(
        path: bytes.path, at: 0,
        """
        is not an importance matrix: it is not a GGUF, and in the old form it would have \(entryCount) entries in \
        \(cursor.remaining) bytes
        """)
    }
    var entries: [String: Entry] = [:]
    for _ in 0..<entryCount {
      let place = cursor.offset
      let (weight, entry) = try Self.entry(&cursor)
      guard entries.updateValue(entry, forKey: weight) == nil else {
        throw ImportanceRule.oldNames.broken(path: bytes.path, subject: weight, at: place, "is there twice")
      }
    }
    let (chunkCount, dataset) = try Self.end(&cursor)
    self.init(
      name: bytes.path, entries: entries, datasets: dataset.map { [$0] } ?? [], chunkCount: chunkCount, chunkSize: nil)
  }

  private static func entry(_ cursor: inout ByteCursor) throws(FileError) -> (weight: String, entry: Entry) {
    let length = try length(&cursor, "a name's length", .oldNames)
    guard (1...longestName).contains(length), length <= cursor.remaining else {
      throw ImportanceRule.oldNames.broken(
        path: cursor.file.path, at: cursor.offset - 4,
        "a name has \(length) bytes; from 1 to \(longestName) are expected, and \(cursor.remaining) are left")
    }
    let place = cursor.offset
    let name = try cursor.readBytes(length)
    guard let weight = String(validating: name, as: UTF8.self), !name.contains(0) else {
      throw ImportanceRule.oldNames.broken(
        path: cursor.file.path, subject: String(decoding: name, as: UTF8.self), at: place,
        "a name is UTF-8 without NUL")
    }
    let windows = try self.length(&cursor, "the number of windows", .oldValues, of: weight)
    let values = try self.length(&cursor, "the number of values", .oldValues, of: weight)
    guard windows >= 0 else {
      throw ImportanceRule.oldValues.broken(
        path: cursor.file.path, subject: weight, at: cursor.offset - 8, "says \(windows) windows")
    }
    guard values >= 1, values <= cursor.remaining / 4 else {
      throw ImportanceRule.oldValues.broken(
        values < 1 ? .malformed : .truncated, path: cursor.file.path, subject: weight, at: cursor.offset - 4,
        "has \(values) values, but \(cursor.remaining) bytes are left")
    }
    let start = cursor.offset
    let bytes = try cursor.readBytes(4 * values, subject: weight)
    let sums = try checked(
      sums: bytes.withBytes { [Float](bytes: $0) }, of: weight, path: cursor.file.path, at: start)
    // Without a number of windows, llama-quantize takes the values as they are.
    return (weight, Entry(sums: sums, counts: [max(windows, 1)]))
  }

  /// The number of windows and the text, which the oldest files lack.
  private static func end(_ cursor: inout ByteCursor) throws(FileError) -> (chunkCount: Int, dataset: String?) {
    guard cursor.remaining > 0 else { return (0, nil) }
    let chunkCount = try length(&cursor, "the number of windows", .oldEnd)
    guard chunkCount >= 0 else {
      throw ImportanceRule.oldEnd.broken(
        path: cursor.file.path, at: cursor.offset - 4, "says \(chunkCount) windows")
    }
    guard cursor.remaining > 0 else { return (chunkCount, nil) }
    let length = try length(&cursor, "the length of the text's name", .oldEnd)
    guard length == cursor.remaining else {
      throw ImportanceRule.oldEnd.broken(
        path: cursor.file.path, at: cursor.offset - 4,
        "the name of the text has \(length) bytes, but \(cursor.remaining) are left")
    }
    return (chunkCount, length == 0 ? nil : String(decoding: try cursor.readBytes(length), as: UTF8.self))
  }

  private static func length(
    _ cursor: inout ByteCursor, _ what: String, _ rule: ImportanceRule, of subject: String? = nil
  ) throws(FileError) -> Int {
    guard cursor.remaining >= 4 else {
      throw rule.broken(
        .truncated, path: cursor.file.path, subject: subject, at: cursor.offset, "the file ends before \(what)")
    }
    return Int(try cursor.read(Int32.self))
  }
}
