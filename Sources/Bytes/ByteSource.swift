/// Bytes that can be read at any place: a file, or what a packed file unpacks to. What reads a format asks
/// for one of these, so that it need not know which.
///
/// Safe to read from several tasks at once.
public protocol ByteSource: Sendable {
  /// What messages call it.
  var path: String { get }

  /// Number of bytes, fixed when it was opened.
  var byteCount: Int { get }

  /// The file that is read; nil for bytes in memory.
  var inputFile: InputFile? { get }

  /// Fills `bytes` with those at `offset`. `subject` is the tensor or key that an error is about.
  /// - Throws: `FileError` when the range is not inside, or the bytes cannot be read.
  func read(at offset: Int, into bytes: inout MutableRawSpan, subject: String?) throws(FileError)
}

extension ByteSource {
  public var inputFile: InputFile? { nil }

  /// Fills `bytes` with those at `offset`.
  public func read(at offset: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    try read(at: offset, into: &bytes, subject: nil)
  }

  /// The `count` bytes at `offset`, checked against the length before they are allocated.
  public func bytes(at offset: Int, count: Int, subject: String? = nil) throws(FileError) -> [UInt8] {
    try requireInside(offset, count: count, subject: subject)
    var bytes = [UInt8](repeating: 0, count: count)
    try bytes.withMutableBytes { raw throws(FileError) in
      try read(at: offset, into: &raw, subject: subject)
    }
    return bytes
  }

  /// - Throws: `FileError` when the `count` bytes at `offset` are not all inside.
  public func requireInside(_ offset: Int, count: Int, subject: String? = nil) throws(FileError) {
    guard count >= 0, offset >= 0, offset <= byteCount, count <= byteCount - offset else {
      throw FileError(
        .truncated, path: path, subject: subject, offset: offset,
        "\(count) bytes are wanted here, but the file has \(byteCount) in all")
    }
  }
}
