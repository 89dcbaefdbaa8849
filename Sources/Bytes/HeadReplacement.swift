/// Gives a file other first bytes in place, as many as it had, so that whoever opens it by its name finds it as it was or as it
/// is to be.
///
/// What a process that is killed, or a machine that loses power, has written of the new bytes is not known. So the file has
/// another name while they are written, `.NAME.editing`, and a small file beside it, `.NAME.edit`, holds the old ones: by
/// these `recover` makes it again what it was. Nobody can open it by its name between a kill and that.
public struct HeadReplacement {
  private let path: String
  private let source: InputFile
  private let descriptor: Int32
  private let inode: UInt64
  private let places: Places

  /// The names beside a file.
  private struct Places {
    let folder: String
    /// The file while it is written.
    let editing: String
    /// The old bytes.
    let kept: String
    let keptName: String

    init(_ path: String) {
      folder = FileSystem.parent(path)
      let name = "." + FileSystem.lastComponent(path)
      editing = FileSystem.join(folder, name + ".editing")
      keptName = name + ".edit"
      kept = FileSystem.join(folder, keptName)
    }

    var keptFile: StagedOutput.File { StagedOutput.File(name: keptName, byteCount: nil) }
  }

  /// Endings of the names beside a file.
  public static let keptEnding = ".edit"

  /// Gives a file other first bytes.
  /// - Parameters:
  ///   - head: as many as are there now and are to be others.
  ///   - source: the file, as it was read.
  /// - Returns: what is left beside it and could not be removed.
  /// - Throws: `FileError` when it is no longer that file, is a link or has other names, or may not be written; it is what it
  ///   was then, unless the error says otherwise.
  public static func write(_ head: [UInt8], to source: InputFile) throws(FileError) -> [FileError] {
    let path = source.path
    try requireOneName(path)
    // Locked, so that other edits are kept from it.
    guard let opened = try SystemCall.openLeftFile(path) else {
      throw FileError(.missing, path: path, "cannot be opened: no such file or folder")
    }
    defer { SystemCall.close(opened.descriptor) }
    guard opened.status.linkCount == 1, opened.status.identity == source.identity else {
      throw FileError(.mismatch, path: path, "was changed since it was read; try again when nobody writes it")
    }
    guard head.count <= source.byteCount else {
      throw FileError(.mismatch, path: path, "has \(source.byteCount) bytes, fewer than are to be written")
    }
    // From here on a signal is only taken note of: this takes a moment.
    Interruption.outputBegins()
    defer { Interruption.outputEnds() }
    return try HeadReplacement(
      path: path, source: source, descriptor: opened.descriptor, inode: opened.status.inode, places: Places(path)
    ).write(head)
  }

  /// - Throws: `FileError` when the name is a link, or what has it has other names too: others would see it change.
  public static func requireOneName(_ path: String) throws(FileError) {
    guard let status = try SystemCall.status(ofPath: path, followingLinks: false) else {
      throw FileError(.missing, path: path, "no such file or folder")
    }
    switch status.kind {
    case .file: break
    case .link:
      throw FileError(
        .unsupported, path: path,
        "is a link, through which nothing is changed, since others may use the file as well; change a copy: cp -L")
    case .folder: throw FileError(.unsupported, path: path, "is a folder, where a file is expected")
    case .other:
      throw FileError(.unsupported, path: path, "is a device, a pipe or a socket, where a file is expected")
    }
    guard status.linkCount == 1 else {
      throw FileError(
        .unsupported, path: path,
        "has \(status.linkCount) names (hard links), and would change under all of them; change a copy: cp")
    }
  }

  private func write(_ head: [UInt8]) throws(FileError) -> [FileError] {
    let old = try source.bytes(at: 0, count: head.count)
    guard try SystemCall.status(ofPath: places.editing, followingLinks: false) == nil else {
      throw OutputPlaces.inTheWay(places.editing)
    }
    let left = try keep(old)
    do throws(FileError) {
      guard try SystemCall.renameNew(path, to: places.editing) else { throw OutputPlaces.inTheWay(places.editing) }
    } catch {
      try? SystemCall.removeFile(places.kept)
      throw error
    }
    // By its name nobody can write into it any more; what somebody has written until then stays.
    let now = try? SystemCall.status(of: descriptor, path: path)
    guard let now, now.byteCount == source.byteCount, now.modified == source.modified else {
      _ = try Self.giveName(path, places)
      throw FileError(.mismatch, path: path, "was changed since it was read; try again when nobody writes it")
    }
    do throws(FileError) {
      // The new bytes must not be on disk before the new name is.
      try SystemCall.synchronizeFolder(places.folder)
      try put(head)
    } catch {
      do throws(FileError) {
        try put(old)
        _ = try Self.giveName(path, places)
      } catch let other {
        throw FileError(
          error.code, path: path,
          "is kept as \(places.editing), half changed (\(error.message)), and cannot be put right now (\(other.message)); "
            + "editing it again does that")
      }
      throw error
    }
    return left + (try Self.giveName(path, places))
  }

  /// Brings the old bytes to disk, under a name of their own.
  private func keep(_ old: [UInt8]) throws(FileError) -> [FileError] {
    let header = Array("\(Kept.title) \(inode) \(source.byteCount) \(old.count)\n".utf8)
    let output = try StagedOutput(
      .files, in: places.folder, files: [places.keptFile], sources: [source], replacing: false)
    do throws(FileError) {
      try header.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: 0) }
      try old.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: header.count) }
      return try output.commit()
    } catch {
      throw output.stopped(by: error)
    }
  }

  private func put(_ head: [UInt8]) throws(FileError) {
    try head.withBytes { bytes throws(FileError) in try SystemCall.write(descriptor, bytes, at: 0, path: path) }
    try SystemCall.synchronize(descriptor, path: path)
  }

  /// The last steps: the file has its name again, and then nothing is kept.
  /// - Returns: what could not be removed.
  private static func giveName(_ path: String, _ places: Places) throws(FileError) -> [FileError] {
    func rename() throws(FileError) -> Bool { try SystemCall.renameNew(places.editing, to: path) }
    let isNamed: Bool
    do throws(FileError) {
      isNamed = try rename()
    } catch {
      // Once more: as long as this does not succeed the file has no name.
      isNamed = try rename()
    }
    guard isNamed else {
      throw FileError(
        .exists, path: path,
        "has appeared while it was edited, and the edited file is kept as \(places.editing); move it away")
    }
    do throws(FileError) {
      try SystemCall.synchronizeFolder(places.folder)
    } catch {
      throw FileError(
        error.code, path: path, "is complete, but whether its name is safely on disk is not known: \(error.message)")
    }
    var left = FileErrors()
    left.attempt { () throws(FileError) in try SystemCall.removeFile(places.kept) }
    return left.all
  }

  // MARK: - After a kill

  /// What a run has kept.
  private struct Kept {
    static let title = "decant edit 1"
    /// Longest file: a header, and the line before it.
    static let longest = 512 << 20

    let inode: UInt64
    let byteCount: Int
    let head: ArraySlice<UInt8>

    init(_ bytes: [UInt8], path: String) throws(FileError) {
      let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
      let words = String(decoding: line.prefix(200), as: UTF8.self).split(separator: " ")
      guard words.count == 6, words[0...2].joined(separator: " ") == Self.title, let inode = UInt64(words[3]),
        let byteCount = Int(words[4]), let count = Int(words[5]), count >= 0, count <= byteCount,
        bytes.count - line.count - 1 == count
      else { throw OutputPlaces.inTheWay(path) }
      self.inode = inode
      self.byteCount = byteCount
      head = bytes[(line.count + 1)...]
    }
  }

  /// Puts a file right whose change was stopped by a kill or a power failure: it is what it was before, or what it was to be.
  /// - Returns: whether it did not have its name.
  /// - Throws: `FileError` when another run is changing it, or what is beside it is nothing that a run has left.
  @discardableResult
  public static func recover(_ path: String) throws(FileError) -> Bool {
    let places = Places(path)
    try StagedOutput.removeLeft(.files, in: places.folder, files: [places.keptFile])
    guard let status = try SystemCall.status(ofPath: places.kept, followingLinks: false) else { return false }
    guard status.kind == .file, status.linkCount == 1 else { throw OutputPlaces.inTheWay(places.kept) }
    try OutputPlaces.requireOwner(places.kept, status)
    let kept = try Kept(try InputFile.contents(of: places.kept, limit: Kept.longest), path: places.kept)
    guard let editing = try SystemCall.openLeftFile(places.editing) else {
      // Before it lost its name, or after it got that again; unless somebody is just about to take it away.
      if let file = try SystemCall.openLeftFile(path) {
        defer { SystemCall.close(file.descriptor) }
        try SystemCall.removeFile(places.kept)
      }
      return false
    }
    defer { SystemCall.close(editing.descriptor) }
    guard editing.status.inode == kept.inode, editing.status.byteCount == kept.byteCount, editing.status.linkCount == 1
    else { throw OutputPlaces.inTheWay(places.editing) }
    try OutputPlaces.requireOwner(places.editing, editing.status)
    try Array(kept.head).withBytes { bytes throws(FileError) in
      try SystemCall.write(editing.descriptor, bytes, at: 0, path: places.editing)
    }
    try SystemCall.synchronize(editing.descriptor, path: places.editing)
    _ = try giveName(path, places)
    return true
  }
}
