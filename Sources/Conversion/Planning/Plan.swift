public import Bytes
public import Tensors

/// Everything about an output before a weight is read: every file with its header, every tensor with its source, type
/// and place. Made from headers and options, and from the scales of weights that are to be repacked exactly; printed by a dry run,
/// carried out by `pour`.
public struct Plan: Sendable {
  /// What is written, as the person named it.
  public let destination: Destination
  /// Weights in the order of the output.
  public let tensors: [PlannedTensor]
  /// Weights of the whole output, where this is a part of it: what several share may lie in other parts too.
  private(set) var allTensors: [PlannedTensor]
  /// Files with tensors.
  public let files: [PlannedFile]
  /// Small files that go beside them: configuration, tokenizer, index.
  public let sidecars: [Sidecar]
  /// What the person should know: what was left out or cannot be kept.
  public let notes: [Note]
  /// What the output says of how it was made; nil for nothing.
  public let provenance: Provenance?
  /// What weights are read from: the model, then adapters.
  let sources: [any TensorSource]
  /// Paths of everything that the output is made of.
  var inputPaths: [String] = []
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
    destination: Destination, tensors: [PlannedTensor], files: [PlannedFile], sidecars: [Sidecar], notes: [Note],
    provenance: Provenance?, sources: [any TensorSource]
  ) {
    self.destination = destination
    self.tensors = tensors
    allTensors = tensors
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

  /// A part of another plan: some of its weights and files. What is written of a weight is what lies in these files.
  init(_ whole: Plan, tensors: [PlannedTensor], files: [PlannedFile], sidecars: [Sidecar]) {
    self.init(
      destination: whole.destination, tensors: tensors, files: files, sidecars: sidecars, notes: whole.notes,
      provenance: whole.provenance, sources: whole.sources)
    inputPaths = whole.inputPaths
    allTensors = whole.tensors
  }

  /// Bytes of the files that hold weights, headers included.
  public var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }

  /// Bytes of the weights, tables of quantized ones included.
  public var tensorByteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }

  public var parameterCount: Int { tensors.reduce(0) { $0 + $1.elementCount } }

  public var bitsPerWeight: Double {
    parameterCount == 0 ? 0 : Double(tensorByteCount) * 8 / Double(parameterCount)
  }

  /// What becomes of values, and of how many weights.
  public var costs: [(cost: TensorCost, count: Int)] {
    Dictionary(grouping: tensors, by: \.cost).map { ($0.key, $0.value.count) }
      .sorted { ($0.cost.kind, $0.cost.description) < ($1.cost.kind, $1.cost.description) }
  }

  /// The layout of quantized weights that the output has; nil where it has none that is written.
  public var writtenLayout: String? { tensors.lazy.compactMap { $0.spelling?.type?.groups?.layout }.first }

  /// Weights that did not get the type the recipe asked for.
  public var substitutions: [PlannedTensor] { tensors.filter { $0.substitution != nil } }

  /// Everything that is written.
  var stagedFiles: [StagedOutput.File] {
    files.map { StagedOutput.File(name: $0.name, byteCount: $0.byteCount) }
      + sidecars.map { StagedOutput.File(name: $0.name, byteCount: $0.bytes.count) }
  }

  /// Removes what was poured.
  /// - Throws: `FileError` when a file cannot be removed.
  public func removeOutput() throws(FileError) {
    try StagedOutput.removeTemporary(
      destination.isFile ? .files : .folder, in: destination.folder, files: stagedFiles.map(\.name))
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
