public import Bytes
internal import Packed

/// A file that is to be written, whatever will be in it.
public struct FileOutput: Sendable {
  public let path: String
  /// Whether a file that is there already is replaced.
  public let replacesExisting: Bool

  public init(_ path: String, replacing: Bool) {
    self.path = path
    self.replacesExisting = replacing
  }

  /// Looks at what has the name already, before any work is done.
  /// - Parameters:
  ///   - inputs: paths that are read while the file is written, or are the person's own work.
  ///   - spent: paths that have been read to their end when writing begins. The file may replace them.
  /// - Throws: `FileError` when the file is an input, cannot have the name, or is there and must not be replaced.
  public func check(against inputs: [String], spent: [String] = []) throws(FileError) {
    try Self.checkName(of: path)
    try Self.checkNameOfFile(path)
    try InputPaths(inputs).refuse(output: path)
    let hidden = StagedOutput.hiddenPaths(.files, in: FileSystem.parent(path), files: files)
    try InputPaths(inputs + spent).refuse(stagingIn: hidden, of: path)
    try StagedOutput.checkTarget(.files, in: FileSystem.parent(path), files: files, replacing: replacesExisting)
    try StagedOutput.checkHidden(.files, in: FileSystem.parent(path), files: files)
  }

  /// Whether another path names the same place, whether something is there or not.
  public func hasSamePlace(as other: String) throws(FileError) -> Bool {
    let folder = FileSystem.parent(path)
    let others = FileSystem.parent(other)
    guard try FileSystem.resolved(folder) ?? folder == FileSystem.resolved(others) ?? others else { return false }
    return FileSystem.lastComponent(path) == FileSystem.lastComponent(other)
  }

  /// Looks at where it goes, too.
  /// - Throws: `FileError` when there is no folder to hold it, or nothing may be written there.
  public func checkRoom() throws(FileError) {
    try StagedOutput.check(.files, in: FileSystem.parent(path), files: files)
  }

  /// Writes the whole file, or leaves what is there.
  /// - Throws: `FileError` when it cannot be written.
  /// - Returns: what is left beside it and could not be removed.
  public func write(_ bytes: [UInt8]) throws(FileError) -> [FileError] {
    let output = try StagedOutput(
      .files, in: FileSystem.parent(path),
      files: [.init(name: FileSystem.lastComponent(path), byteCount: bytes.count)], replacing: replacesExisting)
    do throws(FileError) {
      try bytes.withBytes { span throws(FileError) in try output.write(span, file: 0, at: 0) }
      return try output.commit()
    } catch {
      throw output.stopped(by: error)
    }
  }

  private var files: [StagedOutput.File] { [.init(name: FileSystem.lastComponent(path), byteCount: nil)] }

  /// - Throws: `FileError` when the path can only be that of a folder.
  static func checkNameOfFile(_ path: String) throws(FileError) {
    guard path.utf8.last != UInt8(ascii: "/") else {
      throw FileError(.unsupported, path: path, "ends in a slash, but a file is written; name the file")
    }
  }

  /// - Throws: `FileError` when the path is one of packed files, as which the output will not be written.
  static func checkIsNotPacked(_ path: String) throws(FileError) {
    guard !path.hasFileEnding(PackedFile.suffix) else {
      throw FileError(
        .unsupported, path: path,
        "ends in \(PackedFile.suffix), as packed files do, and this is not written packed; leave that out, and pack the output"
      )
    }
  }

  /// - Throws: `FileError` when the path ends in no name that an output can take.
  static func checkName(of path: String) throws(FileError) {
    guard !path.isEmpty else { throw FileError(.missing, path: path, "the output needs a name") }
    let name = FileSystem.lastComponent(path)
    guard name != ".", name != ".." else {
      throw FileError(
        .unsupported, path: path, "ends in \"\(name)\", which cannot be replaced; name the output itself")
    }
  }
}
