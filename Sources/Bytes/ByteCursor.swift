/// Reads a header from front to back, in pieces, and knows its absolute offset. Every length is
/// compared with the bytes that remain before anything is allocated for it.
public struct ByteCursor: ~Copyable {
  public let file: any ByteSource
  /// Whether integers are stored with their least significant byte first.
  public var isLittleEndian = true
  /// Bytes from the start of the file.
  public private(set) var offset: Int

  private var buffer: [UInt8] = []
  private var bufferStart = 0
  private static let pieceSize = 1 << 18

  public init(_ file: any ByteSource, at offset: Int = 0) {
    self.file = file
    self.offset = offset
  }

  /// Bytes between here and the end of the file.
  public var remaining: Int { max(0, file.byteCount - offset) }

  /// An error at this place.
  public func malformed(_ message: String, subject: String? = nil, at offset: Int? = nil) -> FileError {
    FileError(.malformed, path: file.path, subject: subject, offset: offset ?? self.offset, message)
  }

  /// Reads an integer of the type's stored width.
  public mutating func read<Integer: FixedWidthInteger>(
    _ type: Integer.Type = Integer.self, subject: String? = nil
  ) throws(FileError) -> Integer {
    let size = Integer.bitWidth / 8
    try require(size, subject: subject)
    var value: Integer = 0
    let start = offset - bufferStart
    for index in 0..<size {
      let byte = Integer(truncatingIfNeeded: buffer[start + index])
      value |= byte << Integer(8 * (isLittleEndian ? index : size - 1 - index))
    }
    offset += size
    return value
  }

  /// Reads `count` bytes.
  public mutating func readBytes(_ count: Int, subject: String? = nil) throws(FileError) -> [UInt8] {
    if count <= Self.pieceSize {
      try require(count, subject: subject)
      let start = offset - bufferStart
      offset += count
      return Array(buffer[start..<start + count])
    }
    let bytes = try file.bytes(at: offset, count: count, subject: subject)
    offset += count
    return bytes
  }

  /// Reads `count` bytes without copying those that are in the buffer already.
  public mutating func readSlice(_ count: Int, subject: String? = nil) throws(FileError) -> ArraySlice<UInt8> {
    if count > Self.pieceSize { return try readBytes(count, subject: subject)[...] }
    try require(count, subject: subject)
    let start = offset - bufferStart
    offset += count
    return buffer[start..<start + count]
  }

  /// Moves on without reading.
  public mutating func skip(_ count: Int, subject: String? = nil) throws(FileError) {
    guard count >= 0, count <= remaining else { throw ends(wanted: count, subject: subject) }
    offset += count
  }

  private func ends(wanted count: Int, subject: String?) -> FileError {
    FileError(
      .truncated, path: file.path, subject: subject, offset: offset,
      "\(count) bytes are wanted here, but the file ends after \(remaining)")
  }

  /// Makes sure that the next `count` bytes are in the buffer.
  private mutating func require(_ count: Int, subject: String?) throws(FileError) {
    guard count >= 0, count <= remaining else { throw ends(wanted: count, subject: subject) }
    if offset >= bufferStart, offset + count <= bufferStart + buffer.count { return }
    buffer = try file.bytes(at: offset, count: min(max(count, Self.pieceSize), remaining), subject: subject)
    bufferStart = offset
  }
}
