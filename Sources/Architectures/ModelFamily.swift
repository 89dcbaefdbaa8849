public import Bytes
public import JSON
public import Tensors

/// A family of models: which models belong to it, and how they are read in either ecosystem.
public protocol ModelFamily: Sendable {
  /// What `architectures` and `model_type` of a config.json say.
  var classes: [ModelClass] { get }
  /// Value of `general.architecture` in a GGUF; nil for a family that GGUF has no name for.
  var ggufArchitecture: String? { get }

  /// Reads config.json.
  /// - Throws: `FileError` naming the key that is missing, wrong or not supported.
  func model(fromConfig config: JSONValue, path: String) throws(FileError) -> any Model

  /// The config.json of the text part alone of a composite model; any other as it is.
  func textConfig(of config: JSONValue) -> JSONValue

  /// Reads the hyperparameters in a GGUF's metadata.
  /// - Parameters:
  ///   - tensors: the stored tensors.
  ///   - values: the values of one of them, for the few that belong to the hyperparameters.
  /// - Throws: `FileError` naming the key that is missing or wrong.
  func model(
    fromMetadata value: @escaping (String) -> MetadataValue?, tensors: [TensorDescriptor],
    values: @escaping (String) throws(FileError) -> [Float]?, path: String
  ) throws(FileError) -> any Model
}

/// A class of `transformers`.
public struct ModelClass: Hashable, Sendable {
  /// As `architectures` names it.
  public var name: String
  /// As `model_type` does.
  public var modelType: String
  /// Whether it has an output head.
  public var hasHead: Bool
  /// Whether the settings of the decoder are those of a part of it, under `text_config`.
  public var isComposite: Bool

  /// Whether it computes something else than the first class of its type, so that it keeps its name.
  public var isItsOwn: Bool

  public init(
    _ name: String, _ modelType: String, hasHead: Bool = true, isComposite: Bool = false, isItsOwn: Bool = false
  ) {
    self.isItsOwn = isItsOwn
    self.name = name
    self.modelType = modelType
    self.hasHead = hasHead
    self.isComposite = isComposite
  }
}

/// Every family that is known, one line each.
public enum ModelFamilies {
  public static let all: [any ModelFamily] = [
    LlamaFamily(),
    Mistral3Family(),
    SmolLM3Family(),
    GraniteFamily(),
    GraniteMoeFamily(),
    InternLM2Family(),
    SeedOssFamily(),
    Ernie45Family(),
    HunYuanDenseFamily(),
    StableLmFamily(),
    Qwen2Family(),
    Qwen3Family(),
    Qwen2MoeFamily(),
    Qwen3MoeFamily(),
    GemmaFamily(),
    Gemma2Family(),
    Gemma3Family(),
    PhiFamily(),
    Phi3Family(),
    Olmo2Family(),
    OlmoeFamily(),
    GPT2Family(),
    GPTNeoXFamily(),
    Starcoder2Family(),
    OPTFamily(),
    FalconFamily(),
    BloomFamily(),
    MPTFamily(),
    CohereFamily(),
    Cohere2Family(),
    Glm4Family(),
    GptOssFamily(),
    Exaone4Family(),
  ]

  /// The family that a config.json names: by a class in `architectures`, or by `model_type` where no class is named.
  public static func family(ofConfig config: JSONValue) -> (any ModelFamily)? {
    let named = config["architectures"] ?? .null
    if let classes = named.array, !classes.isEmpty {
      let names = classes.compactMap(\.string)
      return all.first { family in family.classes.contains { names.contains($0.name) } }
    }
    guard named.isNull || named.array != nil, let type = config["model_type"]?.string else { return nil }
    return all.first { family in family.classes.contains { $0.modelType == type } }
  }

  public static func family(ggufArchitecture: String) -> (any ModelFamily)? {
    all.first { $0.ggufArchitecture == ggufArchitecture }
  }

  /// The names of the classes of `transformers`, each once.
  public static var classNames: [String] {
    var seen: Set<String> = []
    return all.flatMap(\.classes).map(\.name).filter { seen.insert($0).inserted }
  }

  /// What `general.architecture` of their GGUFs says.
  public static var ggufArchitectures: [String] { all.compactMap(\.ggufArchitecture) }
}
