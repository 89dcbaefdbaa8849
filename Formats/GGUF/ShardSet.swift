internal import Bytes
internal import Packed
internal import Tensors

/// The files of a split set, checked against each other.
struct ShardSet {
  let files: [GGUFFile]

  /// Opens the files beside `opened`; nil when it is a whole model by itself.
  init?(of opened: GGUFFile) throws(FileError) {
    let fileName = ShardName(Self.unpackedName(FileSystem.lastComponent(opened.path)))
    let count = try opened.metadata.integer(WellKnownKey.splitCount) ?? 0
    // Merging tools leave a count of 0; a set of one needs no others.
    let isAlone = opened.metadata[WellKnownKey.part] != nil || (fileName?.count ?? 1) <= 1
    if count <= 1, isAlone { return nil }
    guard count > 1 else {
      throw GGUFRule.shardKeys.broken(
        .mismatch, path: opened.path, subject: WellKnownKey.splitCount,
        "the name is that of one of \(fileName?.count ?? 0) shards, but the metadata does not say so; "
          + "give the file another name if it is a whole model")
    }
    guard let fileName else {
      throw GGUFRule.shardName.broken(
        .mismatch, path: opened.path,
        "the file is one of \(count) shards, which are found by names like model-00001-of-00003.gguf")
    }

    let folder = FileSystem.parent(opened.path)
    var files: [GGUFFile] = []
    var failures = FileErrors()
    for number in 1...fileName.count {
      let file = failures.attempt { () throws(FileError) -> GGUFFile in
        if number == fileName.number { return opened }
        let sibling = ShardName(prefix: fileName.prefix, number: number, count: fileName.count, ending: fileName.ending)
        let path = FileSystem.join(folder, sibling.fileName)
        guard let there = try PackedFile.inPlace(of: path) else {
          throw GGUFRule.shardName.broken(
            .missing, path: path, "shard \(number) of \(fileName.count) is missing; the others are not enough")
        }
        return try GGUFFile(path: there)
      }
      if let file { files.append(file) }
    }
    try failures.check()
    for (index, file) in files.enumerated() { try Self.checkKeys(of: file, index: index, count: files.count) }
    try Self.checkTotal(files)
    self.files = files
  }

  private static func unpackedName(_ name: String) -> String {
    name.droppingFileEnding(PackedFile.suffix) ?? name
  }

  private static func checkKeys(of file: GGUFFile, index: Int, count: Int) throws(FileError) {
    for (key, expected) in [(WellKnownKey.splitCount, count), (WellKnownKey.splitNumber, index)] {
      let stored = try file.metadata.integer(key)
      guard stored == expected else {
        throw GGUFRule.shardKeys.broken(
          .mismatch, path: file.path, subject: key,
          "the value is \(stored.map(String.init) ?? "missing"), but the file's name asks for \(expected); "
            + "do the files belong together?")
      }
    }
  }

  private static func checkTotal(_ files: [GGUFFile]) throws(FileError) {
    let total = files.reduce(0) { $0 + $1.tensors.count }
    for file in files {
      guard let announced = try file.metadata.integer(WellKnownKey.splitTensorCount) else { continue }
      guard announced == total else {
        throw GGUFRule.shardTotals.broken(
          .mismatch, path: file.path, subject: WellKnownKey.splitTensorCount,
          "\(announced) tensors are announced for the whole set, but its files have \(total)")
      }
    }
  }

  /// The first file's metadata and what others add to it.
  static func mergedMetadata(of files: [GGUFFile]) throws(FileError) -> GGUFMetadata {
    guard let first = files.first else { return GGUFMetadata() }
    var merged = first.metadata
    for file in files.dropFirst() {
      for entry in file.metadata.entries where !isOfSplit(entry.key) {
        if let value = merged[entry.key] {
          guard value == entry.value else {
            throw GGUFRule.shardMetadata.broken(
              .mismatch, path: file.path, subject: entry.key,
              "the value differs from that in \(first.path); do the files belong together?")
          }
        } else if entry.key != WellKnownKey.alignment {
          merged[entry.key] = entry.value
        }
      }
    }
    merged.removeAll { isOfSplit($0.key) }
    return merged
  }

  static func isOfSplit(_ key: String) -> Bool {
    [WellKnownKey.splitNumber, WellKnownKey.splitCount, WellKnownKey.splitTensorCount].contains(key)
  }
}
