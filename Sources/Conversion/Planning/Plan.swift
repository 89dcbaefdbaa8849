public import Bytes
public import Tensors

/// Everything about an output before a weight is read: every file with its header, every tensor with its source, type
/// and place. Made from headers and options alone; printed by a dry run, carried out by `pour`.
public struct Plan: Sendable {
  /// What is written, as the person named it.
  public let destination: Destination
  /// Weights in the order of the output.
  public let tensors: [PlannedTensor]
  /// Files with tensors.
  public let files: [PlannedFile]
  /// Small files that go beside them: configuration, tokenizer, index.
  public let sidecars: [Sidecar]
  /// What the person should know: what was left out or cannot be kept.
  public let notes: [String]
  /// What the output says of how it was made; nil for nothing.
  public let provenance: Provenance?
  /// What weights are read from: the model, then adapters.
  let sources: [any TensorSource]
  /// File number and offset of every stored tensor.
  let places: [String: Place]

  struct Place: Sendable {
    let file: Int
    let offset: Int
  }

  public struct Sidecar: Sendable {
    public let name: String
    public let bytes: [UInt8]

    public init(name: String, bytes: [UInt8]) {
      self.name = name
      self.bytes = bytes
    }
  }

  init(
    destination: Destination, tensors: [PlannedTensor], files: [PlannedFile], sidecars: [Sidecar], notes: [String],
    provenance: Provenance?, sources: [any TensorSource]
  ) {
    self.destination = destination
    self.tensors = tensors
    self.files = files
    self.sidecars = sidecars
    self.notes = notes
    self.provenance = provenance
    self.sources = sources
    var places: [String: Place] = [:]
    places.reserveCapacity(files.reduce(0) { $0 + $1.tensors.count })
    for (number, file) in files.enumerated() {
      for tensor in file.tensors { places[tensor.descriptor.name] = Place(file: number, offset: tensor.offset) }
    }
    self.places = places
  }

  /// Bytes of the files that hold weights, headers included.
  public var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }

  /// Bytes of the weights, tables of quantized ones included.
  public var tensorByteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }

  public var parameterCount: Int { tensors.reduce(0) { $0 + $1.elementCount } }

  public var bitsPerWeight: Double {
    parameterCount == 0 ? 0 : Double(tensorByteCount) * 8 / Double(parameterCount)
  }

  /// Weights that did not get the type the recipe asked for.
  public var substitutions: [PlannedTensor] { tensors.filter { $0.substitution != nil } }

  /// Everything that is written.
  var stagedFiles: [StagedOutput.File] {
    files.map { StagedOutput.File(name: $0.name, byteCount: $0.byteCount) }
      + sidecars.map { StagedOutput.File(name: $0.name, byteCount: $0.bytes.count) }
  }

  /// What to open to read the output: the folder, the file, or the first of a split set.
  public var outputPath: String {
    guard destination.isFile, let first = files.first else { return destination.path }
    return FileSystem.join(destination.folder, first.name)
  }

  /// File and offset of a stored tensor.
  public func place(of descriptor: TensorDescriptor) -> (file: String, offset: Int)? {
    places[descriptor.name].map { (files[$0.file].name, $0.offset) }
  }
}

/// Where an output goes and what becomes of it.
public struct Destination: Sendable {
  public let path: String
  public let container: Container
  /// Longest file, where the person sets one.
  public var maximumFileBytes: Int?
  /// Whether an output that is there already is replaced.
  public let replacesExisting: Bool
  /// Whether the output says how it was made.
  public let recordsProvenance: Bool

  /// - Parameter container: nil to let the name of the output decide.
  public init(
    path: String, container: Container? = nil, maximumFileBytes: Int? = nil, replacesExisting: Bool = false,
    recordsProvenance: Bool = true
  ) {
    self.path = path
    self.container = container ?? Container.forOutput(path)
    self.maximumFileBytes = maximumFileBytes
    self.replacesExisting = replacesExisting
    self.recordsProvenance = recordsProvenance
  }

  /// A file or split set of files; a folder otherwise. GGUF files have no folder of their own.
  public var isFile: Bool { container.isFile(path) }

  /// The folder that the files are put into, or the new folder itself.
  var folder: String { isFile ? FileSystem.parent(path) : path }

  /// Looks at where the output goes, before anything is written.
  /// - Parameter plan: nil where there is none, so that the space that it takes is not known.
  /// - Throws: `FileError` when there is no folder to hold the output, nothing may be written there, or the disk has too
  ///   little space.
  public func checkRoom(for plan: Plan?) throws(FileError) {
    try StagedOutput.check(isFile ? .files : .folder, in: folder, files: plan?.stagedFiles ?? [])
  }

  /// Bytes that can still be written there; nil where the system does not say.
  public var freeBytes: Int? { FileSystem.freeBytes(at: FileSystem.parent(path)) }

  /// - Throws: `FileError` when the output is one of the inputs, lies in one or holds one, or is there and must not be
  ///   replaced.
  func check(against inputs: [String]) throws(FileError) {
    guard !path.isEmpty else { throw FileError(.missing, path: path, "the output needs a name") }
    for input in inputs {
      if FileSystem.isSame(input, path) || Self.folders(above: input).contains(where: { FileSystem.isSame($0, path) }) {
        throw FileError(.exists, path: path, "is an input, or holds one; choose another name for the output")
      }
      if FileSystem.isFolder(input), Self.folders(above: path).contains(where: { FileSystem.isSame($0, input) }) {
        throw FileError(
          .exists, path: path, "lies inside the input \(input), which would be another model then; choose another place"
        )
      }
    }
    guard FileSystem.exists(path) else { return }
    guard replacesExisting else { throw FileError(.exists, path: path, "is there already; --force replaces it") }
    try checkReplaceable()
  }

  /// - Throws: `FileError` when what is there is no model, so that its name was hardly meant.
  private func checkReplaceable() throws(FileError) {
    guard FileSystem.isFolder(path) else { return }
    guard !isFile else { throw FileError(.exists, path: path, "is a folder, which a file cannot replace") }
    let names = try FileSystem.names(inFolder: path)
    let isModel = names.isEmpty || names.contains { $0 == "config.json" || $0.hasSuffix(".safetensors") }
    guard isModel, !names.contains(where: { FileSystem.isFolder(FileSystem.join(path, $0)) }) else {
      throw FileError(
        .exists, path: path, "holds more than a model, and --force would remove it all; choose another name")
    }
  }

  /// - Throws: `FileError` when one of the output's files is there and must not be replaced, or is being read.
  func check(files names: [String], against inputs: [String]) throws(FileError) {
    for name in names {
      let file = FileSystem.join(folder, name)
      guard FileSystem.exists(file) else { continue }
      guard !inputs.contains(where: { FileSystem.isSame($0, file) }) else {
        throw FileError(.exists, path: file, "is an input; choose another name for the output")
      }
      guard replacesExisting else { throw FileError(.exists, path: file, "is there already; --force replaces it") }
    }
  }

  /// The folders that `path` lies in, by its name and by where links lead.
  private static func folders(above path: String) -> [String] {
    var folders: [String] = []
    let starts = [FileSystem.parent(path)] + (FileSystem.resolved(path).map { [FileSystem.parent($0)] } ?? [])
    for start in starts where FileSystem.isFolder(start) {
      var folder = start
      folders.append(folder)
      while folders.count < 256, !FileSystem.isSame(folder, FileSystem.join(folder, "..")) {
        folder = FileSystem.join(folder, "..")
        folders.append(folder)
      }
    }
    return folders
  }
}
