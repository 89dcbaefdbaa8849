/// Text to read: a file, a pipe, or standard input as `-`, in UTF-8 or in UTF-16 that says so.
public enum TextFile {
  /// The text in UTF-8, without a byte order mark. What is not a file can be read only once.
  /// - Throws: `FileError` when it cannot be read, is longer than `limit`, or is text in no encoding that is read.
  public static func utf8(of path: String, limit: Int = 1 << 31) throws(FileError) -> [UInt8] {
    guard !RemoteStores.own(path) else {
      return try decoded(try InputFile.contents(of: path, limit: limit), path: path)
    }
    let status = path == "-" ? nil : try SystemCall.status(ofPath: path)
    guard status?.kind != .folder else {
      throw FileError(.unsupported, path: path, "is a folder; a text file is expected")
    }
    let bytes =
      status?.kind == .file
      ? try InputFile.contents(of: path, limit: limit) : try SystemCall.readToEnd(path, limit: limit)
    guard bytes.count <= limit else {
      throw FileError(
        .unsupported, path: path, "has more than \(limit) bytes, which is the most that are read of a text")
    }
    return try decoded(bytes, path: path)
  }

  /// What some bytes are in UTF-8.
  static func decoded(_ bytes: [UInt8], path: String) throws(FileError) -> [UInt8] {
    if bytes.starts(with: [0xFF, 0xFE, 0, 0]) || bytes.starts(with: [0, 0, 0xFE, 0xFF]) {
      throw FileError(.unsupported, path: path, "is text in UTF-32; save it as UTF-8")
    }
    if bytes.starts(with: [0xFF, 0xFE]) { return try fromUTF16(bytes, isBigEndian: false, path: path) }
    if bytes.starts(with: [0xFE, 0xFF]) { return try fromUTF16(bytes, isBigEndian: true, path: path) }
    let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
    if let order = orderOfUTF16(text) {
      throw FileError(
        .unsupported, path: path,
        "looks like text in UTF-16 without a byte order mark; convert it: iconv -f UTF-16\(order) -t UTF-8")
    }
    return try validated(Array(text), skipped: bytes.count - text.count, path: path)
  }

  private static func validated(_ text: [UInt8], skipped: Int, path: String) throws(FileError) -> [UInt8] {
    do throws(UTF8.ValidationError) {
      _ = try UTF8Span(validating: text.span)
      return text
    } catch {
      let start = error.byteOffsets.lowerBound
      // A text that was cut to a number of bytes may end inside a character.
      if error.kind == .truncatedScalar, error.byteOffsets.upperBound == text.count { return Array(text[..<start]) }
      throw FileError(
        .malformed, path: path, offset: start + skipped,
        "is not UTF-8 text here; find out its encoding and convert it, as with iconv -f LATIN1 -t UTF-8")
    }
  }

  private static func fromUTF16(_ bytes: [UInt8], isBigEndian: Bool, path: String) throws(FileError) -> [UInt8] {
    let units = stride(from: 2, to: bytes.count - 1, by: 2).map { place in
      let (first, second) = (UInt16(bytes[place]), UInt16(bytes[place + 1]))
      return isBigEndian ? first << 8 | second : second << 8 | first
    }
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    var decoder = UTF16.ForwardParser()
    var iterator = units.makeIterator()
    var offset = 2
    while true {
      switch decoder.parseScalar(from: &iterator) {
      case .valid(let scalar):
        text += UTF8.transcode(scalar, from: UTF16.self) ?? UTF8.encodedReplacementCharacter
        offset += 2 * scalar.count
      case .error:
        throw FileError(.malformed, path: path, offset: offset, "is half of a UTF-16 character; the text is damaged")
      case .emptyInput:
        return text
      }
    }
  }

  /// The byte order of text in UTF-16 that has no mark, by its many zeros in every second place; nil for other text.
  private static func orderOfUTF16(_ text: ArraySlice<UInt8>) -> String? {
    let start = text.prefix(4096)
    var zeros = [0, 0]
    for (place, byte) in start.enumerated() where byte == 0 { zeros[place % 2] += 1 }
    let many = max(start.count / 8, 1)
    if zeros[1] >= many, zeros[0] * 8 < zeros[1] { return "LE" }
    if zeros[0] >= many, zeros[1] * 8 < zeros[0] { return "BE" }
    return nil
  }
}
