internal import Bytes

extension RemoteFile {
  /// All of a small file.
  /// - Throws: `FileError` when it is longer than `limit`.
  func contents(limit: Int, path: String) throws(FileError) -> [UInt8] {
    guard byteCount <= limit else {
      throw FileError(
        .unsupported, path: path, "has \(byteCount) bytes; at most \(limit) are read for a file of this kind")
    }
    guard byteCount > 0 else { return [] }
    return try [UInt8](count: byteCount) { bytes throws(FileError) in try read(at: 0, into: &bytes) }
  }
}
