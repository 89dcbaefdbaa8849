internal import Bytes

/// What a job reads. Its output must come in the way of none of it, by whatever name or link.
struct InputPaths {
  private let paths: [String]

  init(_ paths: [String]) {
    // What is not on this machine is in nobody's way.
    self.paths = paths.filter { !RemoteStores.own($0) }
  }

  /// The first input that is what `path` names, or lies in it.
  private func first(atOrIn path: String) throws(FileError) -> String? {
    guard try FileSystem.resolved(path) != nil else { return nil }
    let isFolder = try FileSystem.isFolder(path)
    for input in paths {
      if try FileSystem.isSame(input, path) { return input }
      guard isFolder else { continue }
      for folder in try Self.folders(above: input) where try FileSystem.isSame(folder, path) { return input }
    }
    return nil
  }

  /// The first input that is a folder which `path` lies in.
  func first(around path: String) throws(FileError) -> String? {
    let folders = try Self.folders(above: path)
    for input in paths where try FileSystem.isFolder(input) {
      for folder in folders where try FileSystem.isSame(folder, input) { return input }
    }
    return nil
  }

  /// - Throws: `FileError` when the output would replace an input.
  func refuse(output path: String) throws(FileError) {
    guard let input = try first(atOrIn: path) else { return }
    throw FileError(.exists, path: path, "is the input \(input), or holds it; choose another name for the output")
  }

  /// - Parameter hidden: names that writing the output makes, replaces or removes before it has its own.
  /// - Throws: `FileError` when an input has or lies under one of them.
  func refuse(stagingIn hidden: [String], of output: String) throws(FileError) {
    for path in hidden {
      guard let input = try first(atOrIn: path) else { continue }
      throw FileError(
        .exists, path: output,
        "is written as \(path) until it is complete, where the input \(input) is; give one of them another name")
    }
  }

  /// The folders that `path` lies in, by its name and by where links lead.
  private static func folders(above path: String) throws(FileError) -> [String] {
    var folders: [String] = []
    let starts = [FileSystem.parent(path)] + (try FileSystem.resolved(path).map { [FileSystem.parent($0)] } ?? [])
    for start in starts where try FileSystem.isFolder(start) {
      var folder = start
      var depth = 0
      folders.append(folder)
      // What may not be looked into holds no input: nobody could have named it.
      while depth < 256, (try? FileSystem.isSame(folder, FileSystem.join(folder, ".."))) == false {
        folder = FileSystem.join(folder, "..")
        folders.append(folder)
        depth += 1
      }
    }
    return folders
  }
}
