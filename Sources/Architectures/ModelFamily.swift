public import JSON
public import Tensors
public import Bytes

/// A family of models: what its tensors are called in each ecosystem, how one form is derived from the other, and
/// where its hyperparameters stand. Pure: names, shapes and settings in, values out.
public protocol ModelFamily: Sendable {
  /// Values of `architectures` in config.json.
  var classNames: [String] { get }
  /// Values of `model_type`, by which `transformers` goes where `architectures` names no class.
  var modelTypes: [String] { get }
  /// Value of `general.architecture` in a GGUF.
  var ggufArchitecture: String { get }

  /// Reads config.json.
  /// - Throws: `FileError` naming the key that is missing, wrong or not supported.
  func configuration(fromConfig config: JSONValue, path: String) throws(FileError) -> LlamaConfiguration

  /// Writes what config.json needs for `configuration`, tokenizer ids aside.
  /// - Throws: `FileError` for what was not understood when it was read.
  func config(for configuration: LlamaConfiguration) throws(FileError) -> [String: JSONValue]

  /// Whether config.json can say what such a model computes.
  /// - Throws: `FileError` naming what of the model at `path` it has no word for.
  func checkConfig(for configuration: LlamaConfiguration, path: String) throws(FileError)

  /// Reads the hyperparameters in a GGUF's metadata.
  /// - Parameter values: the values of one of the `tensors`, for the few that belong to the hyperparameters.
  /// - Throws: `FileError` naming the key that is missing or wrong.
  func configuration(
    fromMetadata value: @escaping (String) -> MetadataValue?, tensors: [TensorDescriptor],
    values: (String) throws(FileError) -> [Float]?, path: String
  ) throws(FileError) -> LlamaConfiguration

  /// The hyperparameters as GGUF metadata, in the order they are written.
  /// - Throws: `FileError` for what was not understood when it was read, or what a GGUF cannot say.
  func metadata(for configuration: LlamaConfiguration, path: String) throws(FileError)
    -> [(key: String, value: MetadataValue)]

  /// Names of the tensors that a GGUF has for hyperparameters, and the Hugging Face form has not.
  var configurationTensorNames: [String] { get }

  /// Those that a GGUF of `configuration` needs.
  /// - Throws: `FileError` for what was not understood when it was read, or what a GGUF cannot say.
  func configurationTensors(for configuration: LlamaConfiguration, path: String) throws(FileError) -> [NamedDerivation]

  /// How each tensor of the Hugging Face form comes from the tensors of a GGUF with these names.
  /// - Throws: `FileError` for a name the family does not know.
  func huggingFaceTensors(fromGGUF names: [String], _ configuration: LlamaConfiguration, path: String)
    throws(FileError) -> [NamedDerivation]

  /// How each tensor of the GGUF comes from tensors of the Hugging Face form with these names, those of the
  /// configuration aside.
  /// - Throws: `FileError` for a name the family does not know.
  func ggufTensors(fromHuggingFace names: [String], _ configuration: LlamaConfiguration, path: String)
    throws(FileError) -> [NamedDerivation]

  /// Names in the Hugging Face form of the token embedding and of the output head, which a configuration may tie.
  var tiedTensors: (embedding: String, head: String) { get }

  /// The name in the Hugging Face form of a tensor that was saved with another beginning: without `model.`, or with what
  /// wrappers of a training left in it. Nil for one the family does not know.
  func usualName(of stored: String) -> String?

  /// Whether a model with this configuration has no place for a tensor of the Hugging Face form, so that `transformers`
  /// computes without it.
  func leavesOut(_ name: String, _ configuration: LlamaConfiguration) -> Bool

  /// Makes a config.json that somebody else wrote say what the weights beside it will be.
  func correct(_ config: inout [String: JSONValue], for configuration: LlamaConfiguration)

  /// Name, shape and necessity of every tensor of the Hugging Face form.
  func expectedTensors(_ configuration: LlamaConfiguration) -> [ExpectedTensor]
}

/// An output tensor and where it comes from.
public struct NamedDerivation: Hashable, Sendable {
  public var name: String
  public var derivation: Derivation

  public init(name: String, derivation: Derivation) {
    self.name = name
    self.derivation = derivation
  }
}

/// A tensor that a configuration asks for.
public struct ExpectedTensor: Hashable, Sendable {
  public var name: String
  public var shape: [Int]
  /// Whether the model can do without it, such as biases.
  public var isOptional: Bool

  public init(_ name: String, _ shape: [Int], isOptional: Bool = false) {
    self.name = name
    self.shape = shape
    self.isOptional = isOptional
  }
}

/// Every family that is known, one line each.
public enum ModelFamilies {
  public static let all: [any ModelFamily] = [LlamaFamily()]

  /// The family that a config.json names: by a class in `architectures`, or by `model_type` where no class is named.
  public static func family(ofConfig config: JSONValue) -> (any ModelFamily)? {
    let named = config["architectures"] ?? .null
    if let classes = named.array, !classes.isEmpty {
      let names = classes.compactMap(\.string)
      return all.first { family in names.contains { family.classNames.contains($0) } }
    }
    guard named.isNull || named.array != nil, let type = config["model_type"]?.string else { return nil }
    return all.first { $0.modelTypes.contains(type) }
  }

  public static func family(ggufArchitecture: String) -> (any ModelFamily)? {
    all.first { $0.ggufArchitecture == ggufArchitecture }
  }

  /// The class names, for messages.
  public static var supportedClassNames: String {
    all.flatMap(\.classNames).joined(separator: ", ")
  }
}
