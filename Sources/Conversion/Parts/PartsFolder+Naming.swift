public import Bytes

extension PartsFolder {
  /// The output that a person names who may mean its parts: by the name of the folder of parts, of a file in it, or of one file of a
  /// set.
  /// - Throws: `FileError` when something there cannot be looked at.
  public static func output(named name: String) throws(FileError) -> String {
    if try FileSystem.isTaken(PartsFolder(of: name).path) { return name }
    let path = String(name.reversed().drop { $0 == "/" }.reversed())
    for folder in [path, FileSystem.parent(path)] {
      guard FileSystem.lastComponent(folder).utf8.count > folderEnding.utf8.count, folder.hasSuffix(folderEnding) else {
        continue
      }
      let output = String(folder.dropLast(folderEnding.count))
      if try PartsFolder(of: output).holdsParts() { return output }
      if folder == path, try Assembly.completeOutput(output) != nil { return output }
    }
    let whole = Container.forOutput(name).writing?.wholeName(name) ?? name
    return try FileSystem.isTaken(PartsFolder(of: whole).path) ? whole : name
  }

  /// Whether it holds a part of anything.
  /// - Throws: `FileError` when it cannot be listed.
  public func holdsParts() throws(FileError) -> Bool {
    guard try !FileSystem.isLink(path) else { return false }
    if let records = try recordNames(), !records.isEmpty { return true }
    return try !matrixPaths().isEmpty
  }
}
