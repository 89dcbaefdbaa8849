public import Bytes
internal import Packed
internal import Shards
public import Tensors

/// A checkpoint of one file of PyTorch or of several shards, opened for reading.
public struct TorchPickleFolder: TensorSource {
  /// The folder the files are in.
  public let folder: String
  /// Path of the index that was followed; nil where there is none.
  public let indexPath: String?

  public let name: String
  private let shards: ShardedFiles<TorchPickleFormat>

  /// - Parameter path: a folder, an index file, or a file of any name, which may be packed.
  /// - Throws: `FileError` when no checkpoint can be told there, a shard is missing or broken, or index and shards
  ///   do not agree.
  public init(path: String) throws(FileError) {
    let choice =
      try FileSystem.isFolder(path)
      ? Self.choice(path, try FileSystem.names(inFolder: path)) : ShardChoice(file: path)
    guard let choice else {
      throw TorchPickleRule.folder.broken(.missing, path: path, "no checkpoint of PyTorch is in this folder")
    }
    try self.init(choice, path: path)
  }

  /// The checkpoint in a folder; nil where it holds none.
  /// - Parameter names: the names in it, sorted.
  /// - Throws: `FileError` as the other does.
  public init?(folder path: String, names: [String]) throws(FileError) {
    guard let choice = try Self.choice(path, names) else { return nil }
    try self.init(choice, path: path)
  }

  private init(_ choice: ShardChoice, path: String) throws(FileError) {
    shards = try ShardedFiles(choice)
    name = path
    folder = choice.folder
    indexPath = choice.indexPath
  }

  /// The shards in the order of their names, or the one file.
  public var files: [TorchPickleFile] { shards.files }
  /// What is odd, but keeps nobody from reading, as sentences that begin with the path.
  public var warnings: [String] { shards.warnings }

  public var tensors: [TensorDescriptor] { shards.tensors }
  public var inputFiles: [InputFile] { shards.inputFiles }

  public func descriptor(of name: String) -> TensorDescriptor? { shards.descriptor(of: name) }

  public func read(_ name: String, at offset: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    try shards.read(name, at: offset, into: &bytes, path: self.name)
  }
}

// MARK: - Choosing files

extension TorchPickleFolder {
  /// Endings of files that can be one.
  package static let endings = [".bin", ".pt", ".pth"]
  private static let indexSuffix = ".bin.index.json"
  private static let mainName = "pytorch_model.bin"

  /// What trainers leave beside weights: states of optimizers, schedulers and random numbers, and settings.
  private static let notWeights = [
    "training_args", "optimizer", "scheduler", "scaler", "rng_state", "random_states", "trainer_state", "sampler",
  ]

  /// The weights of a folder as `transformers` knows them, which stay unread where better ones are there.
  package static func usualNames(among names: [String]) -> [String] {
    names.filter { name in
      name == mainName || name == mainName + PackedFile.suffix || name == mainName + ".index.json"
        || NumberedName(name, ending: TorchPickleFormat.fileEnding)?.base == "pytorch_model"
    }
  }

  /// The files that make up the checkpoint in a folder; nil where there is none.
  private static func choice(_ path: String, _ names: [String]) throws(FileError) -> ShardChoice? {
    var choice = ShardChoice(folder: path)
    let names = names.filter { !$0.hasPrefix(".") }
    let indexes = names.filter { $0.hasFileEnding(indexSuffix) }
    let files = endings.flatMap { ShardChoice.files(among: names, ending: $0) }.filter(isWeights)
    let shards = files.filter { NumberedName($0, ending: TorchPickleFormat.fileEnding) != nil }
    let slices = files.filter { $0.wholeMatch(of: /consolidated\.[0-9]+\.pth/) != nil }
    if files.contains(mainName) {
      choice.fileNames = [mainName]
      if let index = indexes.first {
        choice.warnings.append("\(FileSystem.join(path, index)): is not followed, because \(mainName) is there too")
      } else if let shard = shards.first {
        choice.warnings.append("\(FileSystem.join(path, shard)): is not read, because \(mainName) is there too")
      }
    } else if indexes.contains(mainName + ".index.json") {
      choice.indexPath = FileSystem.join(path, mainName + ".index.json")
    } else if let index = indexes.first {
      guard indexes.count == 1 else {
        throw TorchPickleRule.folder.broken(.mismatch, path: path, "several indexes are in this folder; name one")
      }
      choice.indexPath = FileSystem.join(path, index)
    } else if !shards.isEmpty {
      guard try choice.chooseShards(shards, of: TorchPickleFormat.self) else {
        throw TorchPickleRule.folder.broken(
          .mismatch, path: path, "has numbered files of several sets, but no index; name one file: " + list(shards))
      }
    } else if slices.count > 1 {
      throw TorchPickleRule.folder.broken(
        .unsupported, path: path,
        "has \(slices.count) files that each hold a slice of every tensor, for as many devices (\(list(slices))); use the "
          + "model as transformers has it")
    } else if let file = slices.first ?? (files.count == 1 ? files.first : nil) {
      choice.fileNames = [file]
    } else if files.isEmpty {
      return nil
    } else {
      throw TorchPickleRule.folder.broken(
        .mismatch, path: path,
        "has \(files.count) files that can be a checkpoint, but none is called \(mainName); name one: " + list(files))
    }
    return choice
  }

  private static func isWeights(_ name: String) -> Bool {
    !notWeights.contains { name.lowercased().hasPrefix($0) }
  }

  private static func list(_ names: [String]) -> String {
    names.prefix(5).map { FileError.quoted($0) }.joined(separator: ", ") + (names.count > 5 ? " ..." : "")
  }
}
