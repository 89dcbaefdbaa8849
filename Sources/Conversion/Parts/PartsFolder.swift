public import Bytes

/// The folder beside an output where its parts wait for each other: `OUT.parts`. Each part writes its files there, and last a
/// record of what they are. It can be copied from machine to machine, and filled from several.
public struct PartsFolder: Sendable {
  public let path: String

  /// - Parameter output: the path of the whole output.
  public init(of output: String) {
    path = FileSystem.join(FileSystem.parent(output), FileSystem.lastComponent(output) + Self.folderEnding)
  }

  /// - Parameter path: of the folder itself.
  public init(at path: String) { self.path = path }

  static let folderEnding = ".parts"
  private static let prefix = "part-"
  private static let ending = ".json"
  private static let matrixEnding = ".gguf"

  /// The name of the file that says what a part is.
  static func recordName(of part: Part) -> String { prefix + part.fileName + ending }

  /// Whether a name is that of such a file.
  static func isRecord(_ name: String) -> Bool { part(name, ending: ending) != nil }

  /// Whether a name is that of a part of an importance matrix.
  static func isMatrix(_ name: String) -> Bool { part(name, ending: matrixEnding) != nil }

  /// The part that a file of that name is or describes; nil for another name.
  private static func part(_ name: String, ending: String) -> Part? {
    guard name.hasPrefix(prefix), name.hasSuffix(ending) else { return nil }
    return Part(fileName: name.dropFirst(prefix.count).dropLast(ending.count))
  }

  /// The file of a part of an importance matrix.
  public func path(ofMatrix part: Part) -> String { path(of: Self.prefix + part.fileName + Self.matrixEnding) }

  /// Paths of parts of importance matrices, in the order of their names; none where there is no folder.
  /// - Throws: `FileError` when it cannot be listed.
  public func matrixPaths() throws(FileError) -> [String] {
    try refuseLink()
    guard try FileSystem.isFolder(path) else { return [] }
    return try FileSystem.names(inFolder: path).filter(Self.isMatrix).map(path(of:))
  }

  /// Where it is while it is removed.
  var spentPath: String {
    FileSystem.join(FileSystem.parent(path), "." + FileSystem.lastComponent(path) + ".spent")
  }

  func path(of name: String) -> String { FileSystem.join(path, name) }

  /// Makes the folder where it is not there yet.
  /// - Throws: `FileError` when it cannot be made, or something else has its name.
  public func make() throws(FileError) {
    try refuseLink()
    try FileSystem.makeFolderIfMissing(path)
  }

  /// - Throws: `FileError` for a link: what it leads to may be somebody's, and files are moved out of the folder and removed.
  private func refuseLink() throws(FileError) {
    guard try FileSystem.isLink(path) else { return }
    throw FileError(.exists, path: path, "is a link, and parts are put into a folder of that name; move it away")
  }

  /// Names of the records that are there; nil where there is no folder.
  func recordNames() throws(FileError) -> [String]? {
    try refuseLink()
    guard try FileSystem.isFolder(path) else { return nil }
    return try FileSystem.names(inFolder: path).filter(Self.isRecord)
  }
}

extension Part {
  /// Reads `00003-of-00016`; nil for anything else.
  init?(fileName: some StringProtocol) {
    let words = fileName.split(separator: "-", omittingEmptySubsequences: false)
    guard words.count == 3, words[1] == "of", let number = Int(words[0]), let count = Int(words[2]),
      let part = Part(number, of: count), part.fileName == fileName
    else { return nil }
    self = part
  }
}
