package import Bytes
internal import Packed

/// The files that make up the checkpoint a path stands for.
package struct ShardChoice {
  package var folder: String
  /// The files, where there is no index to follow.
  package var fileNames: [String] = []
  package var indexPath: String?
  /// What is odd, but keeps nobody from reading, as sentences that begin with the path.
  package var warnings: [String] = []

  package init(folder: String) { self.folder = folder }

  /// What a path that is no folder stands for: an index, or one file.
  package init(file path: String) {
    folder = FileSystem.parent(path)
    if path.hasFileEnding(".index.json") { indexPath = path } else { fileNames = [FileSystem.lastComponent(path)] }
  }

  /// Those of the names that end so, packed files under the names of their originals. `names` are sorted.
  package static func files(among names: [String], ending: String) -> [String] {
    var files: [String] = []
    for name in names {
      if name.hasFileEnding(ending) {
        files.append(name)
      } else if name.hasFileEnding(ending + PackedFile.suffix) {
        // The names are sorted: a file comes before its packed form, and is the one that is read.
        let original = String(name.dropLast(PackedFile.suffix.count))
        if files.last != original { files.append(original) }
      }
    }
    return files
  }

  /// Takes numbered files without an index for the shards of a checkpoint.
  /// - Returns: whether they are of one set. What it is that they are not, the caller says.
  /// - Throws: `FileError` when the set is not complete.
  package mutating func chooseShards<Format: ShardedFormat>(
    _ names: [String], of format: Format.Type
  ) throws(FileError) -> Bool {
    let parsed = names.map { NumberedName($0, ending: Format.fileEnding) }
    guard let first = parsed.first ?? nil, parsed.allSatisfy({ $0?.base == first.base && $0?.count == first.count })
    else { return false }
    let numbers = Set(parsed.compactMap { $0?.number })
    guard first.count == names.count, numbers == Set(1...first.count) else {
      throw Format.shardSet.broken(
        .missing, path: folder,
        "has no index, and of \(first.count) shards named \(first.base) only \(numbers.count) are there")
    }
    fileNames = names
    warnings.append("\(folder): has no index; its \(names.count) numbered files are taken as shards")
    return true
  }
}
