/// A file opened for reading. Reads are positioned, so that any number of tasks can share it, and checked
/// against the length the file had when it was opened.
public final class InputFile: ByteSource {
  public let path: String
  public let byteCount: Int
  public var inputFile: InputFile? { self }
  private let backing: Backing

  /// Where its bytes are.
  private enum Backing {
    /// - Parameter status: what it was when it was opened.
    case local(descriptor: Int32, status: SystemCall.Status)
    case remote(any RemoteFile)
  }

  /// - Throws: `FileError` when the file is missing, a folder, a pointer of Git LFS, or cannot be opened.
  public init(path: String) throws(FileError) {
    self.path = path
    if let store = RemoteStores.store(of: path) {
      let file = try store.open(path)
      backing = .remote(file)
      byteCount = file.byteCount
    } else {
      let opened = try Self.opened(path)
      backing = .local(descriptor: opened.descriptor, status: opened.status)
      byteCount = opened.status.byteCount
    }
    guard byteCount <= FailedDownload.longestPointer else { return }
    if let pointer = FailedDownload.pointer(try bytes(at: 0, count: byteCount)) {
      throw FileError(.unsupported, path: path, pointer)
    }
  }

  private static func opened(_ path: String) throws(FileError) -> (descriptor: Int32, status: SystemCall.Status) {
    let descriptor = try SystemCall.openForReading(path)
    let status: SystemCall.Status
    do throws(FileError) {
      status = try SystemCall.status(of: descriptor, path: path)
      guard status.kind == .file else {
        throw FileError(
          .unsupported, path: path,
          status.kind == .folder
            ? "is a folder, where a file is expected" : "is a device, a pipe or a socket, where a file is expected")
      }
    } catch {
      SystemCall.close(descriptor)
      throw error
    }
    return (descriptor, status)
  }

  deinit {
    if case .local(let descriptor, _) = backing { SystemCall.close(descriptor) }
  }

  /// What tells the file from every other, and from itself after any change, for as long as it is on this disk: device,
  /// inode and the time that nobody can set. For one of a store its address and what the store says of its contents.
  public var identity: String {
    switch backing {
    case .local(_, let status): status.identity
    case .remote(let file): file.identity
    }
  }

  /// Where a file of a store comes from, for the record in an output; nil for one of the file system.
  public var origin: String? {
    if case .remote(let file) = backing { file.origin } else { nil }
  }

  /// When the contents were last changed, in nanoseconds since 1970; 0 where only a store knows.
  var modified: Int64 {
    if case .local(_, let status) = backing { status.modified } else { 0 }
  }

  var permissions: Permissions {
    if case .local(_, let status) = backing { status.permissions } else { .all }
  }

  /// Gives an open file the permissions, owner and group of this one.
  func giveAccess(to other: Int32, path: String) throws(FileError) {
    guard case .local(let descriptor, _) = backing else { return }
    try SystemCall.copyAccess(from: descriptor, to: other, path: path)
  }

  /// Whether its path still leads to the file that was opened, with the contents that it had then.
  public var isUnchanged: Bool {
    get throws(FileError) {
      switch backing {
      case .local(_, let status):
        guard let now = try SystemCall.status(ofPath: path) else { return false }
        return now.isOfSameFile(as: status) && now.byteCount == status.byteCount && now.modified == status.modified
      case .remote(let file): return try file.isUnchanged
      }
    }
  }

  /// - Throws: `FileError` unless it is unchanged. For an output that would be made of two states.
  public func requireUnchanged() throws(FileError) {
    guard try !isUnchanged else { return }
    throw FileError(
      .mismatch, path: path,
      "was changed while it was read, so that nothing comes of it; try again when nobody writes it")
  }

  /// Fills `bytes` with those at `offset`.
  /// - Throws: `FileError` when the range is not inside the file, or the file has shrunk since it was opened.
  public func read(at offset: Int, into bytes: inout MutableRawSpan, subject: String?) throws(FileError) {
    try requireInside(offset, count: bytes.byteCount, subject: subject)
    let wanted = bytes.byteCount
    guard wanted > 0 else { return }
    guard case .local(let descriptor, _) = backing else {
      if case .remote(let file) = backing { try file.read(at: offset, into: &bytes) }
      return
    }
    let count = try SystemCall.read(descriptor, into: &bytes, at: offset, path: path)
    guard count == wanted else {
      throw FileError(
        .truncated, path: path, subject: subject, offset: offset + count,
        "the file became shorter while it was read; is something else writing it?")
    }
  }

  /// A whole small file that a program wrote: a configuration, a vocabulary.
  /// - Throws: `FileError` when it is longer than `limit`, or empty, or a server's answer lies in its place.
  public static func document(of path: String, limit: Int = 256 << 20) throws(FileError) -> [UInt8] {
    let bytes = try contents(of: path, limit: limit)
    guard !bytes.isEmpty else { throw FileError(.truncated, path: path, "is empty; was it downloaded whole?") }
    if let answer = FailedDownload.answer(in: Array(bytes.prefix(512))) {
      throw FileError(.malformed, path: path, answer)
    }
    return bytes
  }

  /// A whole small file.
  /// - Throws: `FileError` when it is longer than `limit`.
  public static func contents(of path: String, limit: Int = 256 << 20) throws(FileError) -> [UInt8] {
    let file = try InputFile(path: path)
    guard file.byteCount <= limit else {
      throw FileError(
        .unsupported, path: path, "has \(file.byteCount) bytes; at most \(limit) are read for a file of this kind")
    }
    return try file.bytes(at: 0, count: file.byteCount)
  }
}
