public import Architectures
public import Bytes
public import GGUF
public import JSON
public import Tensors
internal import Tokenizers

/// An opened model: its weights, what they are, and how each tensor of the Hugging Face form follows from them.
///
/// Opening reads headers and small files only.
public struct Checkpoint: Sendable {
  /// The file or folder as the person named it.
  public let path: String
  public let container: Container
  /// The stored tensors.
  public let source: any TensorSource
  /// The weights under the container's own names.
  public let weights: [any StoredWeight]
  /// config.json, where there is one.
  public let config: JSONValue?
  /// The metadata of a GGUF.
  public let metadata: GGUFMetadata?
  /// Paths of the files that hold the weights.
  public let weightFiles: [String]
  /// Path of the index that lists them, where one was followed.
  let indexPath: String?
  /// `__metadata__` of safetensors files.
  let fileMetadata: [String: String]
  /// Folder that holds the configuration and tokenizer of a safetensors model.
  public let folder: String?
  /// Folder that holds the tokenizer: the same, or that of an adapter with a vocabulary of its own.
  public internal(set) var tokenizerFolder: String?
  /// The model as its family understands it; nil for a bare safetensors file that has no config.json beside it, and for
  /// a family that is not known.
  ///
  /// Whether the head is tied is decided when the model is opened, and changed in one place, `untying`.
  public internal(set) var model: (any Model)?
  /// Why there is none, for jobs that need one.
  let obstacle: FileError?
  /// What derivations take their tensors from: the model, then adapters.
  public internal(set) var inputs: TensorInputs
  /// How each tensor of the Hugging Face form comes about, in the order of the source.
  public internal(set) var tensors: [NamedDerivation]
  public internal(set) var adapters: [Adapter] = []
  /// The same without adapters.
  var unmergedTensors: [NamedDerivation]
  /// Whether the inner neurons of its feed-forward networks are in another order than in the model that it comes from.
  public internal(set) var hasReorderedNeurons = false
  /// What it says of how it was made; nil where that is nothing, or malformed.
  public private(set) var provenance: Provenance?
  /// What opening the model found and a person should know.
  public internal(set) var notes: [Note]

  /// Opens a file or folder in any container that is known.
  /// - Throws: `FileError` when there is nothing, something unknown, or something malformed.
  public init(path: String) throws(FileError) {
    try self.init(try Recognition.open(path), path: path)
  }

  init(_ opened: OpenedContainer, path: String) throws(FileError) {
    if let metadata = opened.metadata {
      try self.init(opened, telling: metadata, path: path)
    } else {
      try self.init(opened, besideConfigIn: opened.folder ?? FileSystem.parent(path), path: path)
    }
    hasReorderedNeurons = Provenance.saysReordered(opened)
    provenance = (try? Provenance(of: opened, path: path)) ?? nil
  }

  /// A model whose files hold its weights, beside a config.json.
  private init(_ opened: OpenedContainer, besideConfigIn folder: String, path: String) throws(FileError) {
    let source = opened.source
    let configPath = FileSystem.join(folder, Self.configName)
    var config: JSONValue?
    var model: (any Model)?
    var obstacle = FileError(
      .missing, path: path,
      "there is no config.json beside the weights, so that nothing is known of the model but its tensors")
    if try FileSystem.hasFile(configPath) {
      let document = try QuantizationSection.completed(
        try Checkpoint.json(at: configPath), in: folder, besides: source)
      config = document
      if let family = ModelFamilies.family(ofConfig: document) {
        model = try family.model(fromConfig: document, path: configPath)
      } else {
        obstacle = Checkpoint.unknownFamily(document, path: configPath)
      }
    }
    try self.init(opened, config, model, obstacle: obstacle, folder: folder, path: path)
  }

  /// The name of a model's configuration in its folder.
  package static let configName = "config.json"

  /// A model whose files hold its weights, and what is said beside them.
  init(
    _ opened: OpenedContainer, _ config: JSONValue?, _ found: (any Model)?, obstacle: FileError, folder: String,
    path: String
  ) throws(FileError) {
    let source = opened.source
    var model = found
    self.obstacle = model == nil ? obstacle : nil
    self.path = path
    self.container = opened.container
    self.source = source
    self.config = config
    self.metadata = nil
    self.fileMetadata = opened.fileMetadata
    self.weightFiles = opened.files
    self.indexPath = opened.indexPath
    self.folder = folder
    self.tokenizerFolder = folder
    let known = model
    let found = try WeightLayouts.weights(
      of: source, config: config, beside: try Self.beside(opened, folder: folder, known),
      isTransposed: { name in known.map { $0.linearLayer($0.usualName(of: name) ?? name) == .transposed } ?? false })
    weights = found.weights
    let inputs = TensorInputs(model: path, tensors: weights)
    var tensors = found.tensors
    let strangers = found.notes
    var notes = opened.remarks + strangers
    if let known {
      let form = try HuggingFaceForm(
        of: MLXExperts.unstacked(tensors, known, inputs), known, tiesByFlag: known.tiesHead, isFolder: true,
        inputs: inputs, path: path)
      tensors = form.tensors
      model = form.model
      notes += form.notes
      if !form.model.unknownSettings.isEmpty {
        notes.append(
          Note(
            "config.json has settings that \(form.model.className) does not read, and neither is anything made of them here: "
              + form.model.unknownSettings.joined(separator: ", ")))
      }
    } else if let config, config.object != nil {
      notes.append(Note("\(obstacle.message); names and settings stay as they are"))
    }
    self.model = model
    self.inputs = inputs
    self.tensors = tensors
    self.notes = notes
    unmergedTensors = tensors
  }

  /// What is said of the weights elsewhere than in config.json.
  private static func beside(
    _ opened: OpenedContainer, folder: String, _ model: (any Model)?
  ) throws(FileError) -> BesideConfig {
    var files: [String: JSONValue] = [:]
    for name in WeightLayouts.all.compactMap(\.ownFile) {
      let path = FileSystem.join(folder, name)
      if try FileSystem.hasFile(path) { files[name] = try json(at: path) }
    }
    guard let model, !files.isEmpty else { return BesideConfig(fileMetadata: opened.fileMetadata, files: files) }
    let most = opened.source.tensors.count + 100
    let shapes = Dictionary(model.expectedTensors(most: most).map { ($0.name, $0.shape) }) { first, _ in first }
    return BesideConfig(fileMetadata: opened.fileMetadata, files: files) { shapes[model.usualName(of: $0) ?? $0] }
  }

  /// A model whose files tell everything.
  private init(_ opened: OpenedContainer, telling metadata: GGUFMetadata, path: String) throws(FileError) {
    let source = opened.source
    let weights = try WeightLayouts.weights(
      of: source, config: nil, original: GGUFDescription.originalEncodings(in: metadata), refusesForeign: false
    ).weights
    let inputs = TensorInputs(model: path, tensors: weights)
    guard !AdapterSummary.isAdapter(metadata) else {
      throw FileError(
        .unsupported, path: path, subject: "general.type", "is an adapter, not a model; open the model that it is for",
        remedy: .nameAdapters)
    }
    guard let architecture = metadata["general.architecture"]?.string else {
      throw FileError(.malformed, path: path, subject: "general.architecture", "is missing, or no string")
    }
    var model: (any Model)?
    var config: JSONValue?
    var notes = opened.remarks
    var obstacle: FileError?
    if let family = ModelFamilies.family(ggufArchitecture: architecture) {
      var known = try family.model(
        fromMetadata: { metadata[$0] },
        tensors: try weights.map { weight throws(FileError) in try weight.descriptor(path: path) },
        values: { name throws(FileError) in try weights.first { $0.name == name }?.values() },
        path: path)
      config = try GGUFDescription.config(kept: metadata, family: family, model: &known, path: path)
      model = known
    } else {
      let refusal = FileError(
        .unsupported, path: path, subject: "general.architecture",
        "\(FileError.quoted(architecture)) is not an architecture that is known", remedy: .seeFamilies)
      notes.append(Note("\(refusal.message); names and settings stay as they are"))
      obstacle = refusal
    }
    self.path = path
    self.container = opened.container
    self.source = source
    self.config = config
    self.metadata = metadata
    self.fileMetadata = [:]
    self.weightFiles = opened.files
    self.indexPath = opened.indexPath
    self.folder = nil
    self.tokenizerFolder = nil
    self.weights = weights
    self.inputs = inputs
    self.obstacle = obstacle
    if let known = model {
      // A GGUF has no flag of its own: a head that it stores is one, unless the configuration that is kept in it ties
      // them.
      let form = try HuggingFaceForm(
        of: try known.huggingFaceTensors(fromGGUF: weights.map(\.name), path: path), known,
        tiesByFlag: config?["tie_word_embeddings"]?.bool ?? known.tiesHead, isFolder: false, inputs: inputs, path: path)
      model = form.model
      tensors = form.tensors
      notes += form.notes
    } else {
      tensors = weights.map { NamedDerivation(asStored: $0.name) }
    }
    self.model = model
    self.notes = notes
    unmergedTensors = tensors
  }

  /// This model with a head of its own where it had none: a copy of the embedding, which an adapter can change, or which
  /// stays what it was while an adapter changes the embedding. Outputs then hold both and say so.
  func untying() -> Checkpoint {
    var result = self
    guard let model, model.tiesHead else { return result }
    let names = model.tiedTensors
    func addHead(to tensors: inout [NamedDerivation]) {
      guard let embedding = tensors.first(where: { $0.name == names.embedding }) else { return }
      tensors.append(NamedDerivation(name: names.head, derivation: embedding.derivation))
    }
    addHead(to: &result.tensors)
    addHead(to: &result.unmergedTensors)
    result.model?.tiesHead = false
    return result
  }

  // MARK: - Reading

  /// Every path that is read: the model as it was named, its weights, the small files beside them, and the adapters.
  public var inputPaths: [String] {
    get throws(FileError) {
      var paths = [path] + weightFiles
      if let folder { paths += try ModelFolder.inputPaths(in: folder) }
      if let indexPath { paths.append(indexPath) }
      for adapter in adapters { paths += try adapter.inputPaths }
      return paths
    }
  }

  /// The tensor of the Hugging Face form with that name; nil where the model has none.
  public func tensor(named name: String) throws(FileError) -> DerivedTensor? {
    guard let tensor = tensors.first(where: { $0.name == name }) else { return nil }
    return try DerivedTensor(tensor.derivation, inputs: inputs)
  }

  /// Bytes of all weights, tables of quantized ones included.
  public var tensorByteCount: Int { weights.reduce(0) { $0 + $1.byteCount } }

  /// Bytes of the files that hold the weights, headers included, packed where they are packed.
  public var fileByteCount: Int { source.fileByteCount }

  /// The layouts that quantized weights are spelled in, sorted; none where there are no such weights, or types of the container
  /// hold them.
  public var layoutNames: [String] {
    container.tellsEverything
      ? [] : Set(weights.compactMap { ($0 as? any LaidOutWeight)?.layout.name }).sorted()
  }

  /// Weights as the model counts them, however they are packed.
  public var parameterCount: Int { weights.reduce(0) { $0 + $1.elementCount } }

  public var bitsPerWeight: Double {
    parameterCount == 0 ? 0 : Double(tensorByteCount) * 8 / Double(parameterCount)
  }

  /// Checks that every tensor the configuration asks for is there with its shape.
  /// - Throws: `FileError` naming those that are not.
  public func checkTensors() throws(FileError) {
    guard let model else { return }
    var shapes: [String: [Int]] = [:]
    for tensor in tensors { shapes[tensor.name] = try inputs.shape(of: tensor.derivation) }
    // A configuration may ask for any number; some of so many are missing.
    let wanted = model.expectedTensors(most: tensors.count + 100)
    try refuseOtherNames(wanted, model)
    var failures = FileErrors()
    for expected in wanted {
      failures.attempt { () throws(FileError) in
        guard let shape = shapes[expected.name] else {
          if expected.isOptional { return }
          throw FileError(
            .missing, path: path, subject: expected.name,
            "the configuration asks for this tensor of shape \(expected.shape), but it is not there")
        }
        guard shape == expected.shape else {
          throw FileError(
            .mismatch, path: path, subject: expected.name,
            "has shape \(shape), but the configuration asks for \(expected.shape)")
        }
      }
    }
    try failures.check()
  }

  /// One sentence where most tensors are called something else, instead of one for each that is missing.
  private func refuseOtherNames(_ wanted: [ExpectedTensor], _ model: any Model) throws(FileError) {
    guard let stranger = tensors.first(where: { model.usualName(of: $0.name) == nil && !model.isForeign($0.name) })
    else { return }
    let names = Set(tensors.map(\.name))
    let needed = wanted.filter { !$0.isOptional }
    let missing = needed.filter { !names.contains($0.name) }
    guard missing.count * 2 > needed.count, let first = missing.first else { return }
    throw FileError(
      .mismatch, path: path, subject: stranger.name,
      "is not a name of a tensor of \(model.className), which has names like \(first.name); is config.json of "
        + "another model?")
  }

  // MARK: - Configuration files

  static func json(at path: String) throws(FileError) -> JSONValue {
    let bytes = try InputFile.document(of: path, limit: 64 << 20)
    do throws(JSONError) {
      return try JSONValue(parsing: bytes)
    } catch {
      throw FileError(.malformed, path: path, error.description)
    }
  }

  static func unknownFamily(_ config: JSONValue, path: String) -> FileError {
    let names = (config["architectures"]?.array ?? []).compactMap(\.string)
    return FileError(
      .unsupported, path: path, subject: "architectures",
      names.isEmpty
        ? "names no class of models" : "\(names.joined(separator: ", ")) is not a class of models that is known",
      remedy: .seeFamilies)
  }

  /// The model, for a job that cannot do without knowing it.
  /// - Throws: `FileError` saying why it is not known.
  public func requireModel() throws(FileError) -> any Model {
    if let model { return model }
    throw obstacle ?? FileError(.missing, path: path, "nothing is known of the model but its tensors")
  }
}

extension StoredWeight {
  /// The weight as one tensor of its own shape, for checks of shapes.
  func descriptor(path: String) throws(FileError) -> TensorDescriptor {
    do throws(ShapeError) {
      return try TensorDescriptor(name: name, encoding: .u8, shape: shape)
    } catch {
      throw FileError(.malformed, path: path, subject: name, error.description)
    }
  }
}
