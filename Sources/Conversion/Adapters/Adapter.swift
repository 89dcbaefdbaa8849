public import Architectures
public import Bytes
internal import JSON
internal import Safetensors
internal import Tensors

/// A LoRA adapter as PEFT writes it: `adapter_config.json` and `adapter_model.safetensors`.
///
/// Source of the arithmetic and of the names: PEFT's `LoraLayer` and `save_pretrained`.
public struct Adapter: Sendable {
  public let path: String
  /// The files that hold its weights.
  let weightFiles: [String]
  /// What the whole change is multiplied by; 1 unless the person says otherwise.
  public let weight: Float
  /// The adapter's own tensors.
  public let tensors: [EncodedTensor]
  /// Where they are stored.
  let source: any TensorSource
  private let config: AdapterConfig
  private let modules: [String: Module]
  private let settings: [String: ModuleSettings]

  /// What the adapter holds for one module of the model, by stored name.
  private struct Module {
    var down: String?
    var up: String?
    var embeddingDown: String?
    var embeddingUp: String?
    var upBias: String?
    var magnitude: String?
    /// The weight under the factors, which PEFT saves with adapters of embeddings.
    var baseWeight: String?
    var savedWeight: String?
    var savedBias: String?
  }

  /// Opens a folder, and reads every value once to refuse numbers that are not finite.
  /// - Throws: `FileError` when a file is missing, or asks for something that is not supported.
  public init(path: String, weight: Float = 1) throws(FileError) {
    self.path = path
    self.weight = weight
    guard FileSystem.isFolder(path) else {
      throw FileError(.missing, path: path, "is no adapter folder with adapter_config.json")
    }
    config = try AdapterConfig(path: FileSystem.join(path, "adapter_config.json"))
    let file = FileSystem.join(path, "adapter_model.safetensors")
    guard FileSystem.isFile(file) else {
      let isPickle = FileSystem.isFile(FileSystem.join(path, "adapter_model.bin"))
      throw FileError(
        isPickle ? .unsupported : .missing, path: file,
        isPickle
          ? "only adapter_model.bin is there; save the adapter again with safe_serialization=True"
          : "the adapter has no weights")
    }
    weightFiles = [file]
    let source = try SafetensorsFile(path: file)
    self.source = source
    tensors = try SafetensorsLayouts.tensors(of: source)
    modules = try Self.modules(of: tensors, path: file)
    settings = config.settings(of: modules.keys)
    for tensor in tensors { try NonFinite.refuse(in: tensor, path: file) }
  }

  /// Every path that is read.
  var inputPaths: [String] { [path, FileSystem.join(path, "adapter_config.json")] + weightFiles }

  // MARK: - Names

  private static func modules(of tensors: [EncodedTensor], path: String) throws(FileError) -> [String: Module] {
    /// What the end of a stored name says, longest first where one ends in another.
    let endings: [(ending: String, part: WritableKeyPath<Module, String?>)] = [
      (".lora_A.weight", \.down), (".lora_B.weight", \.up), (".lora_B.bias", \.upBias),
      (".lora_embedding_A", \.embeddingDown), (".lora_embedding_B", \.embeddingUp),
      (".lora_magnitude_vector.weight", \.magnitude), (".lora_magnitude_vector", \.magnitude),
      (".base_layer.weight", \.baseWeight), (".base_layer.bias", \.savedBias),
      (".modules_to_save.weight", \.savedWeight),
      (".modules_to_save.bias", \.savedBias), (".weight", \.savedWeight), (".bias", \.savedBias),
    ]
    let prefix = "base_model.model."
    var modules: [String: Module] = [:]
    for tensor in tensors {
      // Adapters saved by hand may still carry PEFT's name of the adapter.
      let plain = tensor.name.replacing(".default.", with: ".")
      let name = plain.hasSuffix(".default") ? String(plain.dropLast(".default".count)) : plain
      guard let (ending, part) = endings.first(where: { name.hasSuffix($0.ending) }) else {
        throw FileError(
          .unsupported, path: path, subject: tensor.name, "is no part of a LoRA adapter that is known")
      }
      let module = name.dropLast(ending.count)
      let key = String(module.hasPrefix(prefix) ? module.dropFirst(prefix.count) : module)
      if modules[key]?[keyPath: part] != nil {
        throw FileError(.malformed, path: path, subject: tensor.name, "is in the adapter twice")
      }
      modules[key, default: Module()][keyPath: part] = tensor.name
    }
    return modules
  }

  // MARK: - Applying

  /// The derivations of the model's tensors with this adapter in them.
  /// - Parameters:
  ///   - tensors: how each tensor of the Hugging Face form comes about without this adapter.
  ///   - inputs: the model's tensors, earlier adapters and this one, which is number `input`.
  /// - Throws: `FileError` naming the tensor of the adapter that does not fit the model.
  public func applied(to tensors: [NamedDerivation], inputs: TensorInputs, input: Int) throws(FileError)
    -> [NamedDerivation]
  {
    var result = tensors
    var places: [String: Int] = [:]
    for (index, tensor) in tensors.enumerated() { places[tensor.name] = index }

    func place(_ module: String, _ kind: String, stored: String) throws(FileError) -> Int {
      // An adapter trained on the bare model lacks the outer "model.".
      for candidate in [module, "model." + module] {
        if let place = places["\(candidate).\(kind)"] { return place }
      }
      throw FileError(
        .mismatch, path: path, subject: stored,
        "the model has no tensor \(module).\(kind); the adapter was trained on another model")
    }

    for (name, module) in modules.sorted(by: { $0.key < $1.key }) {
      if let base = module.baseWeight {
        let index = try place(name, "weight", stored: base)
        try replace(&result[index], with: base, inputs: inputs, input: input)
      }
      if let saved = module.savedWeight {
        try refuseWeight(for: saved)
        let index = try place(name, "weight", stored: saved)
        try replace(&result[index], with: saved, inputs: inputs, input: input)
      }
      if let saved = module.savedBias {
        try refuseWeight(for: saved)
        let index = try place(name, "bias", stored: saved)
        try replace(&result[index], with: saved, inputs: inputs, input: input)
      }
      if let bias = module.upBias {
        let index = try place(name, "bias", stored: bias)
        let scale = try scale(of: name, rank: try rank(of: module, name, inputs, input))
        result[index].derivation = .addingScaled(
          result[index].derivation, TensorReference(bias, input: input), scale: scale)
        _ = try DerivedTensor(result[index].derivation, inputs: inputs)
      }
      guard let (down, up, isEmbedding) = try factors(of: module, name) else { continue }
      let index = try place(name, "weight", stored: down)
      let rank = try rank(of: module, name, inputs, input)
      if module.magnitude != nil, isEmbedding {
        throw FileError(.unsupported, path: path, subject: down, "DoRA on an embedding is not supported")
      }
      if let magnitude = module.magnitude { try refuseWeight(for: magnitude) }
      if config.usesDoRA, module.magnitude == nil, !isEmbedding {
        throw FileError(.mismatch, path: path, subject: down, "use_dora is set, but there is no magnitude vector")
      }
      var update = LowRankUpdate(
        down: TensorReference(down, input: input), up: TensorReference(up, input: input), rank: rank,
        scale: try scale(of: name, rank: rank), isTransposed: isEmbedding,
        magnitude: module.magnitude.map { TensorReference($0, input: input) })
      if config.fanInFanOut, !isEmbedding {
        // A layer that stores its weight [in, out] is known by its shape; PEFT ignores the flag for the others.
        let shape = try DerivedTensor(result[index].derivation, inputs: inputs).shape
        let factorShapes = (try inputs.tensor(update.down).shape, try inputs.tensor(update.up).shape)
        update.isTransposed = shape == [factorShapes.0.last ?? 0, factorShapes.1.first ?? 0] && shape[0] != shape[1]
      }
      result[index].derivation = .adding(result[index].derivation, update)
      _ = try DerivedTensor(result[index].derivation, inputs: inputs)
    }
    return result
  }

  private func factors(of module: Module, _ name: String) throws(FileError) -> (String, String, isEmbedding: Bool)? {
    switch (module.down, module.up, module.embeddingDown, module.embeddingUp) {
    case (nil, nil, nil, nil): return nil
    case (let down?, let up?, nil, nil): return (down, up, false)
    case (nil, nil, let down?, let up?): return (down, up, true)
    default:
      throw FileError(.mismatch, path: path, subject: name, "has only one of the factors lora_A and lora_B")
    }
  }

  private func settings(of module: String) throws(FileError) -> ModuleSettings {
    guard let settings = settings[module] else { throw FileError.noSuchTensor(module, in: path) }
    return settings
  }

  private func scale(of module: String, rank: Int) throws(FileError) -> Float {
    config.scale(try settings(of: module), rank: rank) * weight
  }

  /// The rank that the factor has, which must be the one that the configuration names.
  private func rank(of module: Module, _ name: String, _ inputs: TensorInputs, _ input: Int) throws(FileError) -> Int {
    guard let down = module.down ?? module.embeddingDown else {
      throw FileError(.mismatch, path: path, subject: name, "has a bias for a factor lora_B that is not there")
    }
    let found = try inputs.tensor(TensorReference(down, input: input)).shape.first ?? 0
    let expected = try config.rank(try settings(of: name))
    guard found == expected else {
      throw FileError(
        .mismatch, path: path, subject: down, "has rank \(found), but adapter_config.json says \(expected)")
    }
    return found
  }

  private func replace(_ tensor: inout NamedDerivation, with saved: String, inputs: TensorInputs, input: Int)
    throws(FileError)
  {
    let reference = TensorReference(saved, input: input)
    let shape = try DerivedTensor(tensor.derivation, inputs: inputs).shape
    let found = try inputs.tensor(reference).shape
    guard found == shape else {
      throw FileError(
        .mismatch, path: path, subject: saved, "has shape \(found), but the model's \(tensor.name) has \(shape)")
    }
    tensor.derivation = .source(reference)
  }

  private func refuseWeight(for stored: String) throws(FileError) {
    guard weight == 1 else {
      throw FileError(
        .unsupported, path: path, subject: stored,
        "replaces what the model has, so that a weight of \(weight) has no meaning here; use weight 1")
    }
  }
}
