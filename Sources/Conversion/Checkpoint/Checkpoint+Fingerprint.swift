internal import Architectures
public import Bytes
internal import Digests
internal import Tensors

extension Checkpoint {
  /// What tells this model, with its adapters, from every other, in one line: by it a measurement that was stopped is
  /// gone on with. It covers the files (length, time of the last change, header), the configuration, how each tensor
  /// comes about, and the version of Decant.
  /// - Throws: `FileError` when a file cannot be read.
  public func fingerprint() throws(FileError) -> String {
    var stream = FastDigest.Stream()
    stream.add("decant \(Version.current)\n")
    try stream.add(filesOf: [source] + adapters.map(\.source))
    if let model { stream.add("\(model.arithmetic)\n") }
    for tensor in tensors { stream.add("\(tensor.name) \(tensor.derivation)\n") }
    return stream.digest.description
  }

  /// What tells the files of this model, with its adapters, from all others, and from themselves after any change, for as
  /// long as they are on this disk.
  public var fileIdentities: [String] { inputFiles.map(\.identity) }

  /// - Throws: `FileError` when a file is no longer what it was when it was opened: what was read may be of two states.
  public func requireUnchanged() throws(FileError) {
    for file in inputFiles { try file.requireUnchanged() }
  }

  /// The files that weights are read from.
  public var inputFiles: [InputFile] { ([source] + adapters.map(\.source)).flatMap(\.inputFiles) }
}

extension FastDigest.Stream {
  /// Takes in what tells files from others, as they were when they were opened, and a copy not from its original: length
  /// and head. Whether they are the very files is told by `InputFile.identity`.
  mutating func add(filesOf sources: [any TensorSource]) throws(FileError) {
    try add(files: sources.flatMap(\.inputFiles))
  }

  mutating func add(files: [InputFile]) throws(FileError) {
    for file in files {
      add("source \(file.byteCount)\n")
      let head = try file.bytes(at: 0, count: min(file.byteCount, Self.headByteCount))
      head.withBytes { add($0) }
    }
  }

  /// Bytes at the beginning of a source that are looked at; headers are seldom longer.
  private static var headByteCount: Int { 1 << 20 }
}
