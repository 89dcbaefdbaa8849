internal import Bytes

/// Reads the fields of a header and says which rule is broken where the bytes do not suffice.
struct HeaderReader: ~Copyable {
  /// Longest header that is read: metadata and tensor list together. A bound on memory that no real file comes
  /// near; vocabularies and their tokenizers take some 60 MB at most.
  static let byteLimit = 256 << 20
  /// Most tensors, and most metadata entries, that are read. Each takes far more memory than the 25 bytes it can have
  /// in the file.
  static let countLimit = 1 << 20

  private var cursor: ByteCursor
  /// End of what may be the header.
  let end: Int

  init(_ file: any ByteSource) {
    cursor = ByteCursor(file)
    end = min(file.byteCount, Self.byteLimit)
  }

  var path: String { cursor.file.path }
  var offset: Int { cursor.offset }
  /// Bytes that the rest of the header can have at most.
  var remaining: Int { end - cursor.offset }

  var isLittleEndian: Bool {
    get { cursor.isLittleEndian }
    set { cursor.isLittleEndian = newValue }
  }

  /// An error at this place, or at `offset`.
  func broken(
    _ rule: GGUFRule, _ code: FileError.Code = .malformed, subject: String? = nil, at offset: Int? = nil,
    _ message: String
  ) -> FileError {
    rule.broken(code, path: path, subject: subject, at: offset ?? self.offset, message)
  }

  /// Makes sure that `count` bytes are there.
  func require(_ count: Int, for what: String, subject: String? = nil) throws(FileError) {
    guard count <= remaining else { throw exceeds("\(count) bytes", for: what, subject: subject) }
  }

  /// The error for something that does not fit the bytes that remain.
  func exceeds(_ amount: String, for what: String, subject: String? = nil) -> FileError {
    if end < cursor.file.byteCount {
      return broken(
        .headerLimit, .unsupported, subject: subject,
        "\(what) takes \(amount), which makes the header longer than the \(Self.byteLimit) bytes that are read")
    }
    return broken(
      .insideFile, .truncated, subject: subject,
      "\(what) takes \(amount), but the file ends after \(remaining) more; is the download complete?")
  }

  /// The next `count` bytes.
  mutating func slice(_ count: Int, for what: String, subject: String? = nil) throws(FileError) -> ArraySlice<UInt8> {
    try require(count, for: what, subject: subject)
    return try cursor.readSlice(count, subject: subject)
  }

  /// An integer of the type's stored width.
  mutating func integer<Integer: FixedWidthInteger>(
    _ type: Integer.Type, for what: String, subject: String? = nil
  ) throws(FileError) -> Integer {
    let bytes = try slice(Integer.bitWidth / 8, for: what, subject: subject)
    return Integer(bytes, at: bytes.startIndex, isLittleEndian: isLittleEndian)
  }

  /// A count or length of 64 bits that cannot be more than the bytes that remain, each thing counted taking at
  /// least `minimumSize` of them.
  mutating func count(
    of what: String, minimumSize: Int, subject: String? = nil, rule: GGUFRule
  ) throws(FileError) -> Int {
    let place = offset
    let stored = try integer(UInt64.self, for: what, subject: subject)
    guard stored <= UInt64(max(remaining, 0) / minimumSize) else {
      if end < cursor.file.byteCount, stored <= UInt64(cursor.file.byteCount / minimumSize) {
        throw exceeds("more than \(remaining) bytes", for: what, subject: subject)
      }
      throw broken(
        rule, .truncated, subject: subject, at: place,
        "\(what) is \(stored), but the file has only \(max(remaining, 0)) more bytes")
    }
    return Int(stored)
  }
}

extension FixedWidthInteger {
  /// The integer whose bytes begin at index `start`, which the caller has checked.
  init(_ bytes: ArraySlice<UInt8>, at start: Int, isLittleEndian: Bool) {
    let size = Self.bitWidth / 8
    var value: Self = 0
    for index in 0..<size {
      let byte = bytes[start + (isLittleEndian ? index : size - 1 - index)]
      value |= Self(truncatingIfNeeded: byte) << Self(truncatingIfNeeded: 8 * index)
    }
    self = value
  }
}
