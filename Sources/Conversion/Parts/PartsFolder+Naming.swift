public import Bytes

extension PartsFolder {
  /// What stands for the type in the name of several outputs.
  private static let place = "{type}"

  /// The outputs that a person names who may mean their parts: by the name of the folder of parts, or of one file of a set, or with
  /// `{type}` in place of the types of several outputs, whose parts are looked for.
  /// - Throws: `FileError` when a folder cannot be read, or has no such parts.
  public static func outputs(named name: String) throws(FileError) -> [String] {
    if try FileSystem.isTaken(PartsFolder(of: name).path) { return [name] }
    if name.contains(place) { return try outputs(like: name) }
    let path = String(name.reversed().drop { $0 == "/" }.reversed())
    if path.hasSuffix(folderEnding), try FileSystem.isFolder(path) {
      return [String(path.dropLast(folderEnding.count))]
    }
    let whole = Container.forOutput(name).writing?.wholeName(name) ?? name
    return [try FileSystem.isTaken(PartsFolder(of: whole).path) ? whole : name]
  }

  private static func outputs(like name: String) throws(FileError) -> [String] {
    let (parent, last) = (FileSystem.parent(name), FileSystem.lastComponent(name))
    let pieces = (last + folderEnding).split(separator: place, maxSplits: 1, omittingEmptySubsequences: false)
    guard pieces.count == 2 else {
      throw FileError(
        .unsupported, path: name, "\(place) stands for the type in the last part of the name; name each output")
    }
    let names = try FileSystem.names(inFolder: parent).filter {
      $0.utf8.count > pieces[0].utf8.count + pieces[1].utf8.count && $0.hasPrefix(pieces[0]) && $0.hasSuffix(pieces[1])
    }
    guard !names.isEmpty else {
      throw FileError(.missing, path: name, "there is no folder of parts with such a name; make them first")
    }
    return names.sorted().map { FileSystem.join(parent, String($0.dropLast(folderEnding.count))) }
  }

  /// Whether it holds a part of anything.
  /// - Throws: `FileError` when it cannot be listed.
  public func holdsParts() throws(FileError) -> Bool {
    guard try !FileSystem.isLink(path) else { return false }
    if let records = try recordNames(), !records.isEmpty { return true }
    return try !matrixPaths().isEmpty
  }
}
