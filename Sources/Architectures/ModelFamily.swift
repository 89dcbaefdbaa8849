public import JSON
public import Tensors
public import Bytes

/// A family of models: what its tensors are called in each ecosystem, how one form is derived from the other, and
/// where its hyperparameters stand. Pure: names, shapes and settings in, values out.
public protocol ModelFamily: Sendable {
  /// Values of `architectures` in config.json.
  var classNames: [String] { get }
  /// Value of `general.architecture` in a GGUF.
  var ggufArchitecture: String { get }

  /// Reads config.json.
  /// - Throws: `FileError` naming the key that is missing, wrong or not supported.
  func configuration(fromConfig config: JSONValue, path: String) throws(FileError) -> LlamaConfiguration

  /// Writes what config.json needs for `configuration`, tokenizer ids aside.
  /// - Throws: `FileError` for what was not understood when it was read.
  func config(for configuration: LlamaConfiguration) throws(FileError) -> [String: JSONValue]

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

  public static func family(className: String) -> (any ModelFamily)? {
    all.first { $0.classNames.contains(className) }
  }

  public static func family(ggufArchitecture: String) -> (any ModelFamily)? {
    all.first { $0.ggufArchitecture == ggufArchitecture }
  }

  /// The class names, for messages.
  public static var supportedClassNames: String {
    all.flatMap(\.classNames).joined(separator: ", ")
  }
}
