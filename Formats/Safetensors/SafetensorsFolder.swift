public import Bytes
internal import Packed
public import Tensors

/// A checkpoint of one safetensors file or of several shards, opened for reading.
///
/// Every shard is opened, and its header checked, at once. An index says which files are read; what is in them counts, as
/// for `transformers`, also where the index has another shard for it.
public struct SafetensorsFolder: TensorSource {
  /// The folder the files are in.
  public let folder: String
  /// The shards in the order of their names, or the one file.
  public let files: [SafetensorsFile]
  /// Path of the index that was followed; nil where there is none.
  public let indexPath: String?
  /// The `__metadata__` of all files together; where they differ, the first file's value counts.
  public let metadata: [String: String]
  /// What is odd, but keeps nobody from reading, as sentences that begin with the path.
  public let warnings: [String]

  public let name: String
  public let tensors: [TensorDescriptor]
  private let fileNumbers: [String: Int]

  /// - Parameter path: a folder, an index file, or a safetensors file, which may be packed.
  /// - Throws: `FileError` when no checkpoint can be told there, a shard is missing or broken, or index and shards
  ///   do not agree.
  public init(path: String) throws(FileError) {
    let choice = try Choice(path)
    var warnings = choice.warnings
    var index: SafetensorsIndex?
    var names = choice.fileNames
    if let indexPath = choice.indexPath {
      let read = try SafetensorsIndex(readingFrom: indexPath)
      names = Set(read.shards.values).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      index = read
    }
    var files: [SafetensorsFile] = []
    var failures = FileErrors()
    for fileName in names {
      let file = failures.attempt { () throws(FileError) in
        try SafetensorsFile(Self.openShard(fileName, in: choice.folder, listedIn: choice.indexPath))
      }
      if let file { files.append(file) }
    }
    try failures.check()

    var fileNumbers: [String: Int] = [:]
    var overlaid: [String] = []
    var metadata: [String: String] = [:]
    for (number, file) in files.enumerated() {
      for tensor in file.tensors {
        guard let other = fileNumbers.updateValue(number, forKey: tensor.name) else { continue }
        guard index != nil else {
          throw FileError(
            .mismatch, path: file.name, subject: tensor.name,
            "is also in \(names[other])", rule: SafetensorsRule.oneShard.citation)
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
      if let announced = index.totalByteCount, announced != total, overlaid.isEmpty {
        warnings.append("\(indexPath): total_size is \(announced), but the tensors have \(total) bytes")
      }
    }
    name = path
    folder = choice.folder
    indexPath = choice.indexPath
    tensors = files.enumerated().flatMap { number, file in
      overlaid.isEmpty ? file.tensors : file.tensors.filter { fileNumbers[$0.name] == number }
    }
    self.files = files
    self.fileNumbers = fileNumbers
    self.metadata = metadata
    self.warnings = warnings
  }

  public var inputFiles: [InputFile] { files.flatMap(\.inputFiles) }

  public func descriptor(of name: String) -> TensorDescriptor? {
    fileNumbers[name].flatMap { files[$0].descriptor(of: name) }
  }

  public func read(_ name: String, at offset: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    guard let number = fileNumbers[name] else { throw FileError.noSuchTensor(name, in: self.name) }
    try files[number].read(name, at: offset, into: &bytes)
  }

  /// Opens a file of the folder, or the packed one in its place.
  private static func openShard(
    _ name: String, in folder: String, listedIn indexPath: String?
  ) throws(FileError) -> any ByteSource {
    let path = FileSystem.join(folder, name)
    guard let there = try PackedFile.inPlace(of: path) else {
      let list = indexPath.map { ", but \(FileSystem.lastComponent($0)) lists it" } ?? ""
      throw FileError(.missing, path: path, "there is no such file\(list)", rule: SafetensorsRule.shardThere.citation)
    }
    return try PackedFile.openWeights(path: there)
  }

  /// What the index says otherwise than the shards, as sentences.
  /// - Throws: `FileError` when it lists a tensor that no shard has.
  private static func differences(
    of index: SafetensorsIndex, at indexPath: String, from fileNumbers: [String: Int], names: [String],
    overlaid: [String]
  ) throws(FileError) -> [String] {
    func precedes(_ one: String, _ other: String) -> Bool { one.utf8.lexicographicallyPrecedes(other.utf8) }
    var elsewhere: [String] = []
    for (tensor, shard) in index.shards.sorted(by: { precedes($0.key, $1.key) }) {
      guard let number = fileNumbers[tensor] else {
        throw FileError(
          .missing, path: indexPath, subject: tensor,
          "is in no shard, but listed in \(shard)", rule: SafetensorsRule.rightShard.citation)
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

// MARK: - Choosing files

extension SafetensorsFolder {
  /// The files that make up the checkpoint a path stands for.
  private struct Choice {
    var folder: String
    var fileNames: [String] = []
    var indexPath: String?
    var warnings: [String] = []

    private static let fileSuffix = ".safetensors"
    private static let indexSuffix = ".safetensors.index.json"
    private static let mainName = "model.safetensors"

    init(_ path: String) throws(FileError) {
      guard try FileSystem.isFolder(path) else {
        folder = FileSystem.parent(path)
        if path.hasFileEnding(".index.json") { indexPath = path } else { fileNames = [FileSystem.lastComponent(path)] }
        return
      }
      folder = path
      let names = try FileSystem.names(inFolder: path).filter { !$0.hasPrefix(".") }
      let indexes = names.filter { $0.hasFileEnding(Self.indexSuffix) }
      var files: [String] = []
      for name in names {
        if name.hasFileEnding(Self.fileSuffix) {
          files.append(name)
        } else if name.hasFileEnding(Self.fileSuffix + PackedFile.suffix) {
          // The names are sorted: a file comes before its packed form, and is the one that is read.
          let original = String(name.dropLast(PackedFile.suffix.count))
          if files.last != original { files.append(original) }
        }
      }
      if files.contains(Self.mainName) {
        fileNames = [Self.mainName]
        if let index = indexes.first {
          warnings.append("\(FileSystem.join(path, index)): is not followed, because \(Self.mainName) is there too")
        } else if let shard = files.first(where: { ShardName($0) != nil }) {
          warnings.append("\(FileSystem.join(path, shard)): is not read, because \(Self.mainName) is there too")
        }
      } else if indexes.contains(Self.mainName + ".index.json") {
        indexPath = FileSystem.join(path, Self.mainName + ".index.json")
      } else if let index = indexes.first, indexes.count == 1 {
        indexPath = FileSystem.join(path, index)
      } else if indexes.isEmpty, files.count == 1, ShardName(files[0])?.count ?? 1 == 1 {
        fileNames = files
      } else if indexes.isEmpty, !files.isEmpty {
        try chooseShards(files)
      } else {
        let found = indexes.isEmpty ? "no safetensors file is in this folder" : "several indexes are in this folder"
        throw FileError(
          indexes.isEmpty ? .missing : .mismatch, path: path, found, rule: SafetensorsRule.folder.citation)
      }
    }

    /// Without an index, the files must be a whole numbered set and nothing else.
    private mutating func chooseShards(_ names: [String]) throws(FileError) {
      let parsed = names.map { ShardName($0) }
      guard let first = parsed.first ?? nil, parsed.allSatisfy({ $0?.base == first.base && $0?.count == first.count })
      else {
        throw FileError(
          .mismatch, path: folder,
          "has \(names.count) safetensors files, but no index and no \(Self.mainName); name one file",
          rule: SafetensorsRule.folder.citation)
      }
      let numbers = Set(parsed.compactMap { $0?.number })
      guard first.count == names.count, numbers == Set(1...first.count) else {
        throw FileError(
          .missing, path: folder,
          "has no index, and of \(first.count) shards named \(first.base) only \(numbers.count) are there",
          rule: SafetensorsRule.shardSet.citation)
      }
      fileNames = names
      warnings.append("\(folder): has no index; its \(names.count) numbered files are taken as shards")
    }
  }

  /// The parts of `model-00001-of-00002.safetensors`.
  private struct ShardName {
    var base: Substring
    var number: Int
    var count: Int

    init?(_ name: String) {
      guard let match = name.wholeMatch(of: /(.+)-([0-9]{5,})-of-([0-9]{5,})\.safetensors/),
        let number = Int(match.2), let count = Int(match.3), number >= 1, number <= count
      else { return nil }
      base = match.1
      self.number = number
      self.count = count
    }
  }
}
