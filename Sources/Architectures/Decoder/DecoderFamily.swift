internal import Bytes
internal import JSON
internal import Tensors

/// A family whose models are decoders: it says how settings make one, and what its tensors are called. Everything else
/// follows.
protocol DecoderFamily: ModelFamily {
  /// Settings, in the order in which a GGUF has them.
  var hyperparameters: [Hyperparameter] { get }

  /// What modules are called.
  var names: [NameRow] { get }
  /// What modules are called whose names depend on the model.
  func layerNames(_ decoder: Decoder) -> [NameRow]
  /// Which head llama.cpp looks for in a GGUF of the architecture.
  var ggufHead: GGUFHead { get }
  /// What stands before all names of the Hugging Face form but the head's: `model.`.
  var basePrefix: String { get }
  /// What stands before the number of a layer, after that.
  var layers: String { get }
  /// What stands before the names of the decoder in a composite model.
  var compositePrefix: String { get }
  /// Beginnings of names that belong to other parts of a composite model.
  var foreignPrefixes: [String] { get }
  /// Endings of names of the Hugging Face form that nobody needs.
  var droppedEndings: [String] { get }
  /// Whether the head is the embedding where config.json does not say.
  var tiesHeadByDefault: Bool { get }
  /// Whether what the model computes leaves the range of F16.
  var needsWideRange: Bool { get }

  /// Settles what the rows leave open, and refuses what the family does not compute.
  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError)

  /// The decoder that the settings describe.
  func decoder(_ values: inout Hyperparameters, from source: DecoderSource) throws(FileError) -> Decoder

  /// Further entries of config.json.
  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue]

  /// - Throws: `FileError` naming what of the model config.json has no word for.
  func checkConfig(_ model: DecoderModel, path: String) throws(FileError)

  /// Further keys of a GGUF.
  func metadata(_ model: DecoderModel, path: String) throws(FileError) -> [(key: String, value: MetadataValue)]

  /// Whether transformers computes linear layers with torch's own class, which its quantizers know.
  var hasPlainLinearLayers: Bool { get }

  /// Whether llama.cpp opens a GGUF of the architecture only with all biases that the description has.
  var ggufNeedsBiases: Bool { get }

  /// What llama.cpp computes otherwise of a GGUF of this model, since it passes over what the GGUF says; a sentence each.
  func ggufNotes(_ model: DecoderModel) -> [String]

  /// Whether llama.cpp takes factors of RoPE from tensors of the architecture.
  var hasRopeTensors: Bool { get }

  /// RoPE as a GGUF says it; nil for none.
  func ggufRope(_ model: DecoderModel, path: String) throws(FileError) -> GGUFRoPE?

  /// The decoder without what a GGUF has no words for, which is what two models are compared by.
  func comparable(_ decoder: Decoder) -> Decoder

  /// Whether the class that config.json names can compute what a GGUF holds.
  func agrees(_ kept: DecoderModel, with stored: DecoderModel) -> Bool

  /// Takes what a GGUF knows better than the config.json that is kept in it.
  func take(_ kept: inout DecoderModel, from stored: DecoderModel)
}

extension DecoderFamily {
  func layerNames(_ decoder: Decoder) -> [NameRow] { [] }
  var ggufHead: GGUFHead { .either }
  var basePrefix: String { "model." }
  var layers: String { "layers." }
  var foreignPrefixes: [String] {
    ["vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector."]
  }
  var compositePrefix: String { "language_model." }
  var droppedEndings: [String] { [".rotary_emb.inv_freq"] }
  var hasRopeTensors: Bool { true }

  func ggufRope(_ model: DecoderModel, path: String) throws(FileError) -> GGUFRoPE? {
    try model.usualGGUFRope(path)
  }

  func complete(_ values: inout Hyperparameters, from source: inout DecoderSource) throws(FileError) {}
  func config(_ model: DecoderModel) throws(FileError) -> [String: JSONValue] { [:] }
  func checkConfig(_ model: DecoderModel, path: String) throws(FileError) {}
  var hasPlainLinearLayers: Bool { true }
  var ggufNeedsBiases: Bool { false }
  func ggufNotes(_ model: DecoderModel) -> [String] { [] }
  func comparable(_ decoder: Decoder) -> Decoder { decoder }
  func agrees(_ kept: DecoderModel, with stored: DecoderModel) -> Bool { true }
  func take(_ kept: inout DecoderModel, from stored: DecoderModel) {}

  func metadata(_ model: DecoderModel, path: String) throws(FileError) -> [(key: String, value: MetadataValue)] {
    []
  }

  // MARK: - Reading

  func model(fromConfig config: JSONValue, path: String) throws(FileError) -> any Model {
    let outer = ConfigReader(config: config, path: path)
    let modelClass = try modelClass(outer)
    let reader = modelClass.isComposite ? try outer.object("text_config") ?? outer : outer
    return try model(DecoderSource(.config(reader), modelClass))
  }

  func textConfig(of config: JSONValue) -> JSONValue {
    guard let found = try? modelClass(ConfigReader(config: config, path: "")), found.isComposite,
      var text = config["text_config"]?.object
    else { return config }
    let own = classes.filter { !$0.isComposite }
    let textClass = own.first { .string($0.modelType) == text["model_type"] } ?? own.first ?? found
    text["architectures"] = [.string(textClass.name)]
    text["model_type"] = .string(textClass.modelType)
    for key in ["torch_dtype", "dtype"] where text[key] == nil { text[key] = config[key] }
    if text["tie_word_embeddings"] == nil { text["tie_word_embeddings"] = config["tie_word_embeddings"] }
    return .object(text)
  }

  /// The class that transformers makes of the file. `model_type` decides where it is known, as for
  /// `AutoModelForCausalLM`.
  private func modelClass(_ reader: ConfigReader) throws(FileError) -> ModelClass {
    let names = (reader.config["architectures"]?.array ?? []).compactMap(\.string)
    let named = classes.first { names.contains($0.name) }
    let alike = classes.filter { .string($0.modelType) == reader.config["model_type"] }
    let ofType = alike.first { $0.isItsOwn && names.contains($0.name) } ?? alike.first
    guard var found = ofType ?? classes.first(where: { $0.modelType == named?.modelType }),
      named != nil || ModelFamilies.family(ofConfig: reader.config) != nil
    else {
      throw reader.malformed("architectures", "names none of \(classes.map(\.name).joined(separator: ", "))")
    }
    found.hasHead = named?.hasHead ?? true
    return found
  }

  func model(
    fromMetadata value: @escaping (String) -> MetadataValue?, tensors: [TensorDescriptor],
    values: @escaping (String) throws(FileError) -> [Float]?, path: String
  ) throws(FileError) -> any Model {
    guard let modelClass = classes.first, let architecture = ggufArchitecture else {
      throw FileError(.unsupported, path: path, subject: "general.architecture", "is not one of a GGUF")
    }
    let reader = MetadataReader(
      value: value, architecture: architecture, path: path, tensors: tensors, values: values)
    return try model(DecoderSource(.metadata(reader), modelClass))
  }

  private func model(_ source: DecoderSource) throws(FileError) -> DecoderModel {
    var source = source
    var values = try readValues(source)
    try complete(&values, from: &source)
    try checkExperts(values, source)
    var decoder = try decoder(&values, from: source)
    decoder.hasHead = source.modelClass.hasHead
    let (key, setting) = (source.config == nil ? "attention.causal" : "is_causal", source.setting)
    if setting.has(key) { decoder.isCausal = try setting.flag(key) }
    var model = DecoderModel(family: self, modelClass: source.modelClass, values: values, decoder: decoder)
    model.unknownSettings = try source.config?.unknownKeys() ?? []
    return model
  }

  private func checkExperts(_ values: Hyperparameters, _ source: DecoderSource) throws(FileError) {
    guard let used = values.count(.usedExpertCount), let count = values.count(.expertCount), used > count else {
      return
    }
    throw source.setting.malformed(
      source.config == nil ? "expert_used_count" : "num_experts_per_tok", "is \(used), but there are \(count) experts")
  }

  private func readValues(_ source: DecoderSource) throws(FileError) -> Hyperparameters {
    switch source.reader {
    case .config(let reader):
      var values = try Hyperparameters(hyperparameters, from: reader)
      if !reader.saidRopeKeys.isEmpty { values[.saidRopeKeys] = .texts(reader.saidRopeKeys) }
      values[.tiesHead] = .flag(
        try reader.has("tie_word_embeddings") ? reader.flag("tie_word_embeddings") : tiesHeadByDefault)
      return values
    case .metadata(let reader):
      var values = try Hyperparameters(hyperparameters, from: reader)
      // The tensors are the better witness.
      guard let embedding = reader.tensors.first(where: { $0.name == GGUFNames.embedding }),
        embedding.shape.count == 2
      else { throw FileError.noSuchTensor(GGUFNames.embedding, in: reader.path) }
      values[.vocabularySize] = .count(embedding.shape[0])
      values[.tiesHead] = .flag(!source.hasTensor(GGUFNames.head))
      return values
    }
  }

  // MARK: - Names

  /// The table of a model.
  func table(_ decoder: Decoder, _ modelClass: ModelClass) -> TensorTable {
    let outer = modelClass.isComposite ? compositePrefix : ""
    func prefixed(_ row: NameRow) -> NameRow {
      var row = row
      // The head stands outside of the base model.
      let prefix = outer + (row.roles.contains(.head) ? "" : basePrefix)
      row.huggingFace = row.huggingFace.map { prefix + $0 }
      return row
    }
    let names = names + layerNames(decoder)
    return TensorTable(
      globals: names.filter { !$0.roles[0].isInLayer }.flatMap { prefixed($0).tensorRows(decoder, kind: nil) },
      kinds: decoder.layerKinds.indices.map { kind in
        names.filter { $0.roles[0].isInLayer }.flatMap { $0.tensorRows(decoder, kind: kind) }
      },
      kindOfLayer: decoder.kindOfLayer, layerPrefix: outer + basePrefix + layers,
      foreignPrefixes: modelClass.isComposite ? foreignPrefixes : [],
      droppedEndings: droppedEndings)
  }

  var tiesHeadByDefault: Bool { false }
  var needsWideRange: Bool { false }
}

/// Names of a GGUF that all decoders share.
enum GGUFNames {
  static let embedding = "token_embd.weight"
  static let head = "output.weight"
}

extension Hyperparameter.Key {
  static let tiesHead: Self = "tied head"
  static let saidRopeKeys: Self = "settings of RoPE that are said"
}
