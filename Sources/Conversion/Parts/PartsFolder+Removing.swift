public import Bytes

extension PartsFolder {
  /// Removes what is of no more use, and the folder where nothing else is in it: all at once, so that whoever looks next finds all
  /// of it or nothing.
  /// - Parameter files: names, with what each was when it was read (`InputFile.identity`): what was made again since stays.
  /// - Returns: what could not be removed.
  public func remove(_ files: [String: String]) -> [FileError] {
    var left = FileErrors()
    let isSpent = left.attempt { () throws(FileError) in
      guard try Set(FileSystem.names(inFolder: path)) == Set(files.keys) else { return false }
      try FileSystem.renameFolder(path, to: spentPath)
      return true
    }
    let folder = isSpent == true ? spentPath : path
    for (name, identity) in files.sorted(by: { $0.key < $1.key }) {
      left.attempt { () throws(FileError) in
        let path = FileSystem.join(folder, name)
        guard try FileSystem.exists(path), try InputFile(path: path).identity == identity else { return }
        try FileSystem.removeFile(path)
      }
    }
    left.attempt { () throws(FileError) in
      do throws(FileError) {
        try FileSystem.removeEmptyFolder(folder)
      } catch {
        throw FileError(error.code, path: folder, "is of no more use, but \(error.message)")
      }
    }
    return left.all
  }

  /// Removes what `remove` has left that was stopped.
  /// - Returns: what could not be removed.
  public func removeSpent() -> [FileError] {
    var left = FileErrors()
    left.attempt { () throws(FileError) in
      guard try !FileSystem.isTaken(path), try FileSystem.isFolder(spentPath), try !FileSystem.isLink(spentPath) else {
        return
      }
      for name in try FileSystem.names(inFolder: spentPath) {
        let path = FileSystem.join(spentPath, name)
        // Whatever else is there is somebody's.
        let isPart =
          Self.isRecord(name) && (try? PartRecord(path: path)) != nil
          || Self.isMatrix(name) && (try? ImportanceMatrix(path: path))?.part != nil
        if isPart { try FileSystem.removeFile(path) }
      }
      try FileSystem.removeEmptyFolder(spentPath)
    }
    return left.all
  }
}
