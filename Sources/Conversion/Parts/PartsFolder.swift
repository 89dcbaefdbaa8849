internal import Bytes

/// The folder beside an output where its parts wait for each other: `OUT.parts`. Each part writes its files there, and last a
/// record of what they are. It can be copied from machine to machine, and filled from several.
public struct PartsFolder: Sendable {
  public let path: String

  /// - Parameter output: the path of the whole output.
  public init(of output: String) {
    path = FileSystem.join(FileSystem.parent(output), FileSystem.lastComponent(output) + ".parts")
  }

  private static let prefix = "part-"
  private static let ending = ".json"

  /// The name of the file that says what a part is.
  static func recordName(of part: Part) -> String { prefix + part.fileName + ending }

  /// Whether a name is that of such a file.
  static func isRecord(_ name: String) -> Bool {
    guard name.hasPrefix(prefix), name.hasSuffix(ending) else { return false }
    return Part(fileName: name.dropFirst(prefix.count).dropLast(ending.count)) != nil
  }

  /// Where it is while it is removed.
  var spentPath: String {
    FileSystem.join(FileSystem.parent(path), "." + FileSystem.lastComponent(path) + ".spent")
  }

  func path(of name: String) -> String { FileSystem.join(path, name) }

  /// Makes the folder where it is not there yet.
  /// - Throws: `FileError` when it cannot be made, or something else has its name.
  func make() throws(FileError) {
    try FileSystem.makeFolderIfMissing(path)
  }

  /// Names of the records that are there; nil where there is no folder.
  func recordNames() throws(FileError) -> [String]? {
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
