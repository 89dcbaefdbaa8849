public import Architectures
public import Bytes
public import GGUF
public import JSON
internal import Safetensors
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
  /// The weights under the container's own names, each with its codec.
  public let weights: [EncodedTensor]
  /// config.json, where there is one.
  public let config: JSONValue?
  /// The metadata of a GGUF.
  public let metadata: GGUFMetadata?
  /// Paths of the files that hold the weights.
  public let weightFiles: [String]
  /// `__metadata__` of safetensors files.
  let fileMetadata: [String: String]
  /// Folder that holds the configuration and tokenizer of a safetensors model.
  public let folder: String?
  /// The family and its hyperparameters; nil for a bare safetensors file that has no config.json beside it.
  public let model: Model?
  /// What derivations take their tensors from: the model, then adapters.
  public private(set) var inputs: TensorInputs
  /// How each tensor of the Hugging Face form comes about, in the order of the source.
  public private(set) var tensors: [NamedDerivation]
  public private(set) var adapters: [Adapter] = []
  /// The same without adapters.
  let unmergedTensors: [NamedDerivation]

  /// A family of models and the hyperparameters of this one.
  public struct Model: Sendable {
    public let family: any ModelFamily
    public let configuration: LlamaConfiguration
  }

  /// Opens a file or folder in any container that is known.
  /// - Throws: `FileError` when there is nothing, something unknown, or something malformed.
  public init(path: String) throws(FileError) {
    try self.init(try Recognition.open(path), path: path)
  }

  init(_ opened: OpenedContainer, path: String) throws(FileError) {
    if let gguf = opened.gguf {
      try self.init(gguf: gguf, path: path)
    } else {
      try self.init(
        safetensors: opened.source, fileMetadata: opened.fileMetadata, weightFiles: opened.files, path: path,
        folder: opened.folder ?? FileSystem.parent(path))
    }
  }

  /// A model in safetensors.
  init(
    safetensors source: any TensorSource, fileMetadata: [String: String], weightFiles: [String], path: String,
    folder: String
  ) throws(FileError) {
    let configPath = FileSystem.join(folder, "config.json")
    var config: JSONValue?
    var model: Model?
    if FileSystem.isFile(configPath) {
      let document = try Checkpoint.json(at: configPath)
      config = document
      model = try Checkpoint.model(of: document, path: configPath)
    }
    self.path = path
    self.container = .safetensors
    self.source = source
    self.config = config
    self.metadata = nil
    self.fileMetadata = fileMetadata
    self.weightFiles = weightFiles
    self.folder = folder
    self.model = model
    weights = try SafetensorsLayouts.tensors(of: source)
    inputs = TensorInputs(model: path, tensors: weights)
    tensors = weights.map { NamedDerivation(name: $0.name, derivation: .source(TensorReference($0.name))) }
    unmergedTensors = tensors
  }

  /// A model in a GGUF or a split set of them.
  init(gguf source: GGUFSource, path: String) throws(FileError) {
    let metadata = source.metadata
    let weights = try GGUFLayouts.tensors(of: source, metadata: metadata)
    let inputs = TensorInputs(model: path, tensors: weights)
    guard let architecture = metadata["general.architecture"]?.string else {
      throw FileError(.malformed, path: path, subject: "general.architecture", "is missing, or no string")
    }
    guard let family = ModelFamilies.family(ggufArchitecture: architecture) else {
      throw FileError(
        .unsupported, path: path, subject: "general.architecture",
        "\"\(architecture)\" is not supported; \(ModelFamilies.all.map(\.ggufArchitecture).joined(separator: ", ")) is")
    }
    var configuration = try family.configuration(
      fromMetadata: { metadata[$0] },
      tensors: try weights.map { weight throws(FileError) in try weight.descriptor(path: path) },
      values: { name throws(FileError) in try weights.first { $0.name == name }?.values() },
      path: path)
    let config = try GGUFDescription.config(kept: metadata, family: family, configuration: &configuration, path: path)
    self.path = path
    self.container = .gguf
    self.source = source
    self.config = config
    self.metadata = metadata
    self.fileMetadata = [:]
    self.weightFiles = source.files.map(\.path)
    self.folder = nil
    self.model = Model(family: family, configuration: configuration)
    self.weights = weights
    self.inputs = inputs
    tensors = try family.huggingFaceTensors(fromGGUF: weights.map(\.name), configuration, path: path)
    unmergedTensors = tensors
  }

  /// This model with an adapter in it.
  /// - Throws: `FileError` naming the adapter's tensor that does not fit.
  public func adding(_ adapter: Adapter) throws(FileError) -> Checkpoint {
    var result = self
    let number = inputs.count
    result.inputs = inputs.appending(adapter.path, tensors: adapter.tensors)
    let adapted = try AdaptedTensors(
      adapter, on: tensors, pair: ("model.embed_tokens.weight", "lm_head.weight"), isTied: false, inputs: result.inputs,
      input: number)
    result.tensors = adapted.tensors
    result.adapters.append(adapter)
    return result
  }

  // MARK: - Reading

  /// Every path that is read: the model as it was named, its weights, the small files beside them, and the adapters.
  public var inputPaths: [String] {
    var paths = [path] + weightFiles
    if let folder { paths += ModelFolder.inputPaths(in: folder) }
    if let index = (source as? SafetensorsFolder)?.indexPath { paths.append(index) }
    return paths + adapters.flatMap(\.inputPaths)
  }

  /// The tensor of the Hugging Face form with that name; nil where the model has none.
  public func tensor(named name: String) throws(FileError) -> DerivedTensor? {
    guard let tensor = tensors.first(where: { $0.name == name }) else { return nil }
    return try DerivedTensor(tensor.derivation, inputs: inputs)
  }

  /// Bytes of all weights, tables of quantized ones included.
  public var tensorByteCount: Int { weights.reduce(0) { $0 + $1.byteCount } }

  /// Bytes of the files that hold the weights, headers included, packed where they are packed.
  public var fileByteCount: Int { FileSystem.byteCount(of: weightFiles) }

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
    for tensor in tensors { shapes[tensor.name] = try DerivedTensor(tensor.derivation, inputs: inputs).shape }
    var failures = FileErrors()
    for expected in model.family.expectedTensors(model.configuration) {
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

  // MARK: - Configuration files

  static func json(at path: String) throws(FileError) -> JSONValue {
    let bytes = try InputFile.document(of: path, limit: 64 << 20)
    do throws(JSONError) {
      return try JSONValue(parsing: bytes)
    } catch {
      throw FileError(.malformed, path: path, error.description)
    }
  }

  static func model(of config: JSONValue, path: String) throws(FileError) -> Model {
    let names = (config["architectures"]?.array ?? []).compactMap(\.string)
    for name in names {
      guard let family = ModelFamilies.family(className: name) else { continue }
      return Model(family: family, configuration: try family.configuration(fromConfig: config, path: path))
    }
    throw FileError(
      .unsupported, path: path, subject: "architectures",
      "\(names.isEmpty ? "no class" : names.joined(separator: ", ")) is not supported; "
        + "these are: \(ModelFamilies.supportedClassNames)")
  }
}

extension EncodedTensor {
  /// The weight as one tensor of its own shape, for checks of shapes.
  func descriptor(path: String) throws(FileError) -> TensorDescriptor {
    do throws(ShapeError) {
      return try TensorDescriptor(name: name, encoding: .u8, shape: shape)
    } catch {
      throw FileError(.malformed, path: path, subject: name, error.description)
    }
  }
}
