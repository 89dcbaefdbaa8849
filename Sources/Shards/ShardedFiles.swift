package import Bytes
internal import Packed
package import Tensors

/// A checkpoint of one file or of several shards, opened for reading.
///
/// Every shard is opened, and its header checked, at once. An index says which files are read; what is in them counts, as
/// for `transformers`, also where the index has another shard for it.
package struct ShardedFiles<Format: ShardedFormat>: Sendable {
  /// The shards in the order of their names, or the one file.
  package let files: [Format.File]
  /// What the files say besides tensors; where they differ, the first file's value counts.
  package let metadata: [String: String]
  /// What is odd, but keeps nobody from reading, as sentences that begin with the path.
  package let warnings: [String]
  package let tensors: [TensorDescriptor]
  private let fileNumbers: [String: Int]

  /// - Throws: `FileError` when a shard is missing or broken, or index and shards do not agree.
  package init(_ choice: ShardChoice) throws(FileError) {
    var warnings = choice.warnings
    var index: ShardIndex<Format>?
    var names = choice.fileNames
    if let indexPath = choice.indexPath {
      let read = try ShardIndex<Format>(readingFrom: indexPath)
      names = Set(read.shards.values).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      index = read
    }
    var files: [Format.File] = []
    var failures = FileErrors()
    for fileName in names {
      let file = failures.attempt { () throws(FileError) in
        try Format.File(Self.openShard(fileName, in: choice.folder, listedIn: choice.indexPath))
      }
      if let file { files.append(file) }
    }
    try failures.check()

    var fileNumbers: [String: Int] = [:]
    var overlaid: [String] = []
    var metadata: [String: String] = [:]
    for (number, file) in files.enumerated() {
      warnings += file.remarks.map { "\(file.name): \($0)" }
      for tensor in file.tensors {
        guard let other = fileNumbers.updateValue(number, forKey: tensor.name) else { continue }
        guard index != nil else {
          throw Format.oneShard.broken(
            .mismatch, path: file.name, subject: tensor.name, "is also in \(names[other])")
        }
        overlaid.append(tensor.name)
      }
      for (key, value) in file.metadata {
        if let first = metadata[key], first != value {
          warnings.append(
            "\(file.name): its metadata has another value of \(FileError.quoted(key)) than the first file")
        } else {
          metadata[key] = value
        }
      }
    }
    if let index, let indexPath = choice.indexPath {
      warnings += try Self.differences(of: index, at: indexPath, from: fileNumbers, names: names, overlaid: overlaid)
      let total = files.reduce(0) { $0 + $1.tensors.reduce(0) { $0 + $1.byteCount } }
      // Writers of tensors that share data count it once or twice.
      let counts = [total, files.reduce(0) { $0 + $1.dataByteCount }]
      if let announced = index.totalByteCount, !counts.contains(announced), overlaid.isEmpty {
        warnings.append("\(indexPath): total_size is \(announced), but the tensors have \(total) bytes")
      }
    }
    tensors = files.enumerated().flatMap { number, file in
      overlaid.isEmpty ? file.tensors : file.tensors.filter { fileNumbers[$0.name] == number }
    }
    self.files = files
    self.fileNumbers = fileNumbers
    self.metadata = metadata
    self.warnings = warnings
  }

  package var inputFiles: [InputFile] { files.flatMap(\.inputFiles) }

  package func descriptor(of name: String) -> TensorDescriptor? {
    fileNumbers[name].flatMap { files[$0].descriptor(of: name) }
  }

  /// Reads a tensor of the checkpoint that messages call `path`.
  package func read(
    _ name: String, at offset: Int, into bytes: inout MutableRawSpan, path: String
  ) throws(FileError) {
    guard let number = fileNumbers[name] else { throw FileError.noSuchTensor(name, in: path) }
    try files[number].read(name, at: offset, into: &bytes)
  }

  /// Opens a file of the folder, or the packed one in its place.
  private static func openShard(
    _ name: String, in folder: String, listedIn indexPath: String?
  ) throws(FileError) -> any ByteSource {
    let path = FileSystem.join(folder, name)
    guard let there = try PackedFile.inPlace(of: path) else {
      let list = indexPath.map { ", but \(FileSystem.lastComponent($0)) lists it" } ?? ""
      throw Format.shardThere.broken(.missing, path: path, "there is no such file\(list)")
    }
    return try PackedFile.openWeights(path: there)
  }

  /// What the index says otherwise than the shards, as sentences.
  /// - Throws: `FileError` when it lists a tensor that no shard has.
  private static func differences(
    of index: ShardIndex<Format>, at indexPath: String, from fileNumbers: [String: Int], names: [String],
    overlaid: [String]
  ) throws(FileError) -> [String] {
    func precedes(_ one: String, _ other: String) -> Bool { one.utf8.lexicographicallyPrecedes(other.utf8) }
    var elsewhere: [String] = []
    for (tensor, shard) in index.shards.sorted(by: { precedes($0.key, $1.key) }) {
      guard let number = fileNumbers[tensor] else {
        throw Format.rightShard.broken(
          .missing, path: indexPath, subject: tensor, "is in no shard, but listed in \(shard)")
      }
      if names[number] != shard { elsewhere.append(tensor) }
    }
    let unlisted =
      index.shards.count == fileNumbers.count ? [] : fileNumbers.keys.filter { index.shards[$0] == nil }
    return [
      (overlaid, "in two shards; the one in the last shard by name counts"),
      (elsewhere, "listed in another shard than the one they are read from"),
      (unlisted, "in a shard but not listed, and read all the same"),
      (index.repeated, "listed twice; the last counts"),
    ].compactMap { tensors, what in
      guard let first = tensors.min(by: precedes) else { return nil }
      return
        "\(indexPath): tensors such as \(FileError.quoted(first)) (\(tensors.count) in all) are \(what), as transformers "
        + "does"
    }
  }
}
