public import Bytes
public import Tensors

/// A model in one GGUF file or in a split set, as one list of tensors.
public struct GGUFSource: TensorSource {
  /// The path that was opened.
  public let name: String
  /// The file, or the shards in order.
  public let files: [GGUFFile]
  /// Metadata of the whole: of the first shard, then what others add. The `split.*` keys are left out: they are
  /// about the files.
  public let metadata: GGUFMetadata
  /// In the order of the files and of their lists.
  public let tensors: [TensorDescriptor]
  private let places: [String: Place]

  /// A tensor's file, and its number there.
  private struct Place {
    let file: Int
    let tensor: Int
  }

  /// Opens a file, packed or not. If it is one of a split set, any of them, opens the others beside it as well.
  /// - Throws: `FileError` when a file breaks a rule of `SPEC.md`, or the files do not make one set.
  public init(path: String) throws(FileError) {
    try self.init(GGUFFile(path: path))
  }

  /// The model that an opened file is, or is a part of.
  /// - Throws: `FileError` when the others of a split set cannot be read, or the files do not make one set.
  public init(_ opened: GGUFFile) throws(FileError) {
    let files = try ShardSet(of: opened)?.files ?? [opened]

    var places: [String: Place] = [:]
    var tensors: [TensorDescriptor] = []
    for (number, file) in files.enumerated() {
      for (index, tensor) in file.tensors.enumerated() {
        let name = tensor.descriptor.name
        if let other = places.updateValue(Place(file: number, tensor: index), forKey: name) {
          throw GGUFRule.shardTotals.broken(
            .mismatch, path: file.path, subject: name, "the tensor is also in \(files[other.file].path)")
        }
        tensors.append(tensor.descriptor)
      }
    }
    self.name = opened.path
    self.files = files
    self.metadata = try ShardSet.mergedMetadata(of: files)
    self.tensors = tensors
    self.places = places
  }

  public var inputFiles: [InputFile] { files.compactMap(\.source.inputFile) }

  public func descriptor(of name: String) -> TensorDescriptor? {
    places[name].map { files[$0.file].tensors[$0.tensor].descriptor }
  }

  public func read(_ name: String, at offset: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    guard let place = places[name] else { throw FileError.noSuchTensor(name, in: self.name) }
    let file = files[place.file]
    try file.read(file.tensors[place.tensor], at: offset, into: &bytes)
  }
}
