/// An empty file, `.NAME.lock`, that keeps other runs from something of that name for as long as it is held.
final class LockFile: Sendable {
  private let path: String
  private let descriptor: Int32
  /// Whether it was there: a run that was killed has left it, or somebody else's file has its name and is empty too.
  let wasThere: Bool

  /// - Throws: `FileError` with the code `exists` while another run holds it, or something is in its way.
  init(for target: String) throws(FileError) {
    let name = FileSystem.lastComponent(target)
    path = FileSystem.join(
      FileSystem.parent(target), (name.utf8.first == UInt8(ascii: ".") ? name : "." + name) + ".lock")
    let status = try SystemCall.status(ofPath: path, followingLinks: false)
    if let status, status.kind != .file || status.byteCount > 0 { throw OutputPlaces.inTheWay(path) }
    wasThere = status != nil
    do throws(FileError) {
      descriptor = try SystemCall.makeFile(path, .all)
    } catch {
      throw error.code == .exists ? error.with(path: target) : error
    }
  }

  /// Others hold it from now on; the file stays unless it was removed.
  deinit { SystemCall.close(descriptor) }

  func remove() throws(FileError) { try SystemCall.removeFile(path, openAs: descriptor) }
}
