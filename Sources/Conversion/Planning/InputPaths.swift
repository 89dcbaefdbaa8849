internal import Bytes

/// What a job reads. Its output must come in the way of none of it, by whatever name or link.
struct InputPaths {
  private let paths: [String]

  init(_ paths: [String]) { self.paths = paths }

  /// The first input that is what `path` names, or lies in it.
  private func first(atOrIn path: String) -> String? {
    guard FileSystem.exists(path) else { return nil }
    let isFolder = FileSystem.isFolder(path)
    return paths.first { input in
      FileSystem.isSame(input, path)
        || isFolder && Self.folders(above: input).contains { FileSystem.isSame($0, path) }
    }
  }

  /// The first input that is a folder which `path` lies in.
  func first(around path: String) -> String? {
    let folders = Self.folders(above: path)
    return paths.first { input in
      FileSystem.isFolder(input) && folders.contains { FileSystem.isSame($0, input) }
    }
  }

  /// - Throws: `FileError` when the output would replace an input.
  func refuse(output path: String) throws(FileError) {
    guard let input = first(atOrIn: path) else { return }
    throw FileError(.exists, path: path, "is the input \(input), or holds it; choose another name for the output")
  }

  /// - Parameter hidden: names that writing the output makes, replaces or removes before it has its own.
  /// - Throws: `FileError` when an input has or lies under one of them.
  func refuse(stagingIn hidden: [String], of output: String) throws(FileError) {
    for path in hidden {
      guard let input = first(atOrIn: path) else { continue }
      throw FileError(
        .exists, path: output,
        "is written as \(path) until it is complete, where the input \(input) is; give one of them another name")
    }
  }

  /// The folders that `path` lies in, by its name and by where links lead.
  private static func folders(above path: String) -> [String] {
    var folders: [String] = []
    let starts = [FileSystem.parent(path)] + (FileSystem.resolved(path).map { [FileSystem.parent($0)] } ?? [])
    for start in starts where FileSystem.isFolder(start) {
      var folder = start
      var depth = 0
      folders.append(folder)
      while depth < 256, !FileSystem.isSame(folder, FileSystem.join(folder, "..")) {
        folder = FileSystem.join(folder, "..")
        folders.append(folder)
        depth += 1
      }
    }
    return folders
  }
}
