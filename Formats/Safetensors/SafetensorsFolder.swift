public import Bytes
internal import Shards
public import Tensors

/// A checkpoint of one safetensors file or of several shards, opened for reading.
///
/// Every shard is opened, and its header checked, at once. An index says which files are read; what is in them counts, as
/// for `transformers`, also where the index has another shard for it.
public struct SafetensorsFolder: TensorSource {
  /// The folder the files are in.
  public let folder: String
  /// Path of the index that was followed; nil where there is none.
  public let indexPath: String?
  public let name: String
  private let shards: ShardedFiles<SafetensorsFormat>

  /// - Parameter path: a folder, an index file, or a safetensors file, which may be packed.
  /// - Throws: `FileError` when no checkpoint can be told there, a shard is missing or broken, or index and shards
  ///   do not agree.
  public init(path: String) throws(FileError) {
    let choice = try Self.choice(path)
    shards = try ShardedFiles(choice)
    name = path
    folder = choice.folder
    indexPath = choice.indexPath
  }

  /// The shards in the order of their names, or the one file.
  public var files: [SafetensorsFile] { shards.files }
  /// The `__metadata__` of all files together; where they differ, the first file's value counts.
  public var metadata: [String: String] { shards.metadata }
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

extension SafetensorsFolder {
  private static let indexSuffix = ".safetensors.index.json"
  private static let mainName = "model.safetensors"

  /// The files that make up the checkpoint a path stands for.
  private static func choice(_ path: String) throws(FileError) -> ShardChoice {
    guard try FileSystem.isFolder(path) else { return ShardChoice(file: path) }
    var choice = ShardChoice(folder: path)
    let names = try FileSystem.names(inFolder: path).filter { !$0.hasPrefix(".") }
    let indexes = names.filter { $0.hasFileEnding(indexSuffix) }
    let files = ShardChoice.files(among: names, ending: SafetensorsFormat.fileEnding)
    func numbered(_ name: String) -> NumberedName? { NumberedName(name, ending: SafetensorsFormat.fileEnding) }
    if files.contains(mainName) {
      choice.fileNames = [mainName]
      if let index = indexes.first,
        try !ShardIndex<SafetensorsFormat>.lists(only: mainName, FileSystem.join(path, index))
      {
        choice.warnings.append("\(FileSystem.join(path, index)): is not followed, because \(mainName) is there too")
      } else if let shard = files.first(where: { numbered($0) != nil }) {
        choice.warnings.append("\(FileSystem.join(path, shard)): is not read, because \(mainName) is there too")
      }
    } else if indexes.contains(mainName + ".index.json") {
      choice.indexPath = FileSystem.join(path, mainName + ".index.json")
    } else if let index = indexes.first, indexes.count == 1 {
      choice.indexPath = FileSystem.join(path, index)
    } else if indexes.isEmpty, files.count == 1, numbered(files[0])?.count ?? 1 == 1 {
      choice.fileNames = files
    } else if indexes.isEmpty, !files.isEmpty {
      guard try choice.chooseShards(files, of: SafetensorsFormat.self) else {
        throw SafetensorsRule.folder.broken(
          .mismatch, path: path,
          "has \(files.count) safetensors files, but no index and no \(mainName); name one file")
      }
    } else {
      throw SafetensorsRule.folder.broken(
        indexes.isEmpty ? .missing : .mismatch, path: path,
        indexes.isEmpty ? "no safetensors file is in this folder" : "several indexes are in this folder")
    }
    return choice
  }
}
