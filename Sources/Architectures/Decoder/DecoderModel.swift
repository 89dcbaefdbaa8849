internal import Bytes
internal import JSON
internal import Tensors

/// A model of a family of decoders.
struct DecoderModel: Model {
  let family: any DecoderFamily
  var modelClass: ModelClass
  var values: Hyperparameters
  var decoder: Decoder {
    didSet { table = family.table(decoder, modelClass) }
  }
  private(set) var table: TensorTable
  var unknownSettings: [String] = []

  init(family: any DecoderFamily, modelClass: ModelClass, values: Hyperparameters, decoder: Decoder) {
    self.family = family
    self.modelClass = modelClass
    self.values = values
    self.decoder = decoder
    table = family.table(decoder, modelClass)
  }

  // MARK: - Facts

  var className: String { modelClass.name }
  var arithmetic: String { "\(className) \(decoder)" }
  var ggufArchitecture: String { family.ggufArchitecture ?? "none" }
  var layerCount: Int { decoder.layerCount }
  var contextLength: Int { decoder.contextLength }
  var queriesPerKey: Int { decoder.layerKinds.first?.attention.queriesPerKey ?? 1 }
  var needsWideRange: Bool { family.needsWideRange }
  var expertCount: Int { decoder.layerKinds.compactMap(\.feedForward.experts?.count).max() ?? 0 }

  var vocabularySize: Int {
    get { decoder.vocabularySize }
    set {
      decoder.vocabularySize = newValue
      values[.vocabularySize] = .count(newValue)
    }
  }

  var tiesHead: Bool {
    get { decoder.tiesHead }
    set {
      guard newValue != decoder.tiesHead else { return }
      decoder.tiesHead = newValue
      values[.tiesHead] = .flag(newValue)
    }
  }

  var hasHead: Bool {
    get { decoder.hasHead }
    set { if newValue != decoder.hasHead { decoder.hasHead = newValue } }
  }

  // MARK: - Names

  var tiedTensors: (embedding: String, head: String) {
    (
      table.huggingFaceName(of: ModuleTensor(.tokenEmbedding)) ?? "",
      table.huggingFaceName(of: ModuleTensor(.head)) ?? ""
    )
  }

  func expectedTensors(most: Int) -> [ExpectedTensor] { table.expectedTensors(most: most) }

  /// What torch.compile, data parallel training and checkpoints of activations leave in names.
  private static let wrappers: Set<Substring> = [
    "_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
  ]

  func usualName(of stored: String) -> String? {
    if isKnown(stored) { return stored }
    let parts = stored.split(separator: ".", omittingEmptySubsequences: false).filter { !Self.wrappers.contains($0) }
    let base = Set(family.basePrefix.split(separator: ".") + ["model", "language_model"])
    let bare = parts.drop { base.contains($0) }.joined(separator: ".")
    let outer = modelClass.isComposite ? family.compositePrefix : ""
    return [bare, outer + bare, outer + family.basePrefix + bare].first(where: isKnown)
  }

  /// Whether a name is that of a tensor of the Hugging Face form.
  private func isKnown(_ name: String) -> Bool {
    table.knows(huggingFace: name) || table.isDropped(name) || leavesOut(name)
  }

  func leavesOut(_ name: String) -> Bool {
    guard name.hasSuffix(".bias"), !table.knows(huggingFace: name) else { return false }
    return table.knows(huggingFace: name.dropLast("bias".count) + "weight")
  }

  func isForeign(_ name: String) -> Bool { table.isForeign(name) }

  func linearLayer(_ name: String) -> LinearLayer? {
    guard let layer = table.linearLayer(huggingFace: name) else { return nil }
    return layer == .plain && !family.hasPlainLinearLayers ? .unusual : layer
  }

  func reordering(_ order: [Int], neuronsOf down: String) -> [NamedDerivation]? {
    table.reordering(order, neuronsOf: down)
  }

  func isStoredTransposed(_ name: String) -> Bool { table.isStoredTransposed(huggingFace: name) }

  func huggingFaceTensors(fromGGUF names: [String], path: String) throws(FileError) -> [NamedDerivation] {
    let head = table.ggufName(of: ModuleTensor(.head))
    return try table.huggingFaceTensors(
      fromGGUF: names.filter { !configurationTensorNames.contains($0) && !(tiesHead && $0 == head) }
    ) { unknown($0, path: path) }
  }

  func ggufTensors(fromHuggingFace names: [String], path: String) throws(FileError) -> [NamedDerivation] {
    guard family.ggufArchitecture != nil else { throw hasNoArchitecture(path) }
    if family.ggufNeedsBiases { try checkBiases(among: names, path: path) }
    // What is tied needs no second copy.
    let head = tiedTensors.head
    return try table.ggufTensors(fromHuggingFace: names.filter { !(tiesHead && $0 == head) }) {
      unknown($0, path: path)
    }
  }

  private func checkBiases(among names: [String], path: String) throws(FileError) {
    let names = Set(names)
    guard let missing = expectedTensors.first(where: { $0.name.hasSuffix("bias") && !names.contains($0.name) }) else {
      return
    }
    throw FileError(
      .missing, path: path, subject: missing.name,
      "is not there, which is a bias of zero; llama.cpp opens no GGUF of the architecture \(ggufArchitecture) without it, so "
        + "store \(missing.shape.reduce(1, *)) zeros under this name, or keep the model in safetensors")
  }

  private func unknown(_ name: String, path: String) -> FileError {
    FileError(
      .unsupported, path: path, subject: name,
      "is not a tensor of \(className); the model may be a variant that is not supported")
  }

  // MARK: - GGUF

  var configurationTensorNames: [String] { family.hasRopeTensors ? GGUFRoPE.tensorNames : [] }

  /// How most layers turn heads.
  var rotation: Attention.Rotation? { decoder.layerKinds.lazy.compactMap(\.attention.rotation).first }

  /// RoPE as a GGUF of the usual kind says it.
  func usualGGUFRope(_ path: String, _ change: (inout RotaryEmbedding) -> Void = { _ in }) throws(FileError)
    -> GGUFRoPE?
  {
    guard let rotation else { return nil }
    var embedding = rotation.embedding
    change(&embedding)
    return try GGUFRoPE(
      of: embedding, dimension: rotation.dimension, architecture: ggufArchitecture,
      saidKeys: values.texts(.saidRopeKeys) ?? [], hasTensors: family.hasRopeTensors, path: path)
  }

  func configurationTensors(path: String) throws(FileError) -> [NamedDerivation] {
    try checkGGUF(path: path)
    guard let rope = try family.ggufRope(self, path: path) else { return [] }
    return rope.tensors.map { NamedDerivation(name: $0.name, derivation: .making(Constant($0.values), of: [])) }
  }

  func metadata(path: String) throws(FileError) -> [(key: String, value: MetadataValue)] {
    let rope = try family.ggufRope(self, path: path)?.metadata ?? []
    return try values.metadata(family.hyperparameters, architecture: ggufArchitecture) + rope
      + family.metadata(self, path: path)
  }

  // MARK: - config.json

  var ggufNotes: [String] { family.ggufNotes(self) }

  /// The note that llama.cpp has no windows in the architecture, where this model has one that texts can reach.
  var windowThatNoGGUFHas: [String] {
    guard let window = decoder.layerKinds.compactMap(\.attention.window).min(), window < decoder.contextLength else {
      return []
    }
    return [
      "llama.cpp has no sliding window in the architecture \(ggufArchitecture): of texts longer than the window of \(window) "
        + "tokens it computes something else"
    ]
  }

  private func checkIsCausal(_ path: String) throws(FileError) {
    guard !decoder.isCausal else { return }
    throw FileError(
      .unsupported, path: path, subject: "is_causal",
      "is false, but attention to what follows is not supported; such a model stays in its container")
  }

  func config(path: String) throws(FileError) -> [String: JSONValue] {
    try checkIsCausal(path)
    try family.checkConfig(self, path: path)
    var config = values.config(family.hyperparameters)
    config["architectures"] = [.string(architecture)]
    config["model_type"] = .string(modelClass.modelType)
    config["tie_word_embeddings"] = .bool(tiesHead)
    if let rotation {
      let entries = try rotation.embedding.configEntries(
        dimension: rotation.dimension, contextLength: decoder.contextLength)
      config.merge(entries) { own, _ in own }
      if let rotaryShare { config["partial_rotary_factor"] = .number(rotaryShare) }
    }
    config.merge(try family.config(self)) { _, own in own }
    return config
  }

  /// The share of each head that is turned, for classes that know one.
  var rotaryShare: Double? {
    guard values.flag(.turnsPart), let attention = decoder.layerKinds.first?.attention, let rotation else { return nil }
    let share = Double(rotation.dimension) / Double(attention.headDimension)
    // Readers cut off what the product has after the point.
    return Int(share * Double(attention.headDimension)) < rotation.dimension ? share.nextUp : share
  }

  /// The class for `architectures`.
  private var architecture: String {
    if hasHead || tiesHead { return className }
    return family.classes.first { $0.modelType == modelClass.modelType && !$0.hasHead }?.name ?? className
  }

  func correct(_ config: inout [String: JSONValue]) {
    func isSet(_ key: String, _ config: [String: JSONValue]) -> Bool { config[key]?.bool ?? false }
    func correctSettings(_ config: inout [String: JSONValue]) {
      let ties = config["tie_word_embeddings"]?.bool ?? family.tiesHeadByDefault
      if ties != tiesHead { config["tie_word_embeddings"] = .bool(tiesHead) }
      if let key = family.hyperparameters.first(where: { $0.key == .vocabularySize })?.config.first,
        config[key]?.int != vocabularySize, config[key] != nil || !modelClass.isComposite
      {
        config[key] = .integer(vocabularySize)
      }
      // A bias that is asked for and not stored is zero, which is none.
      for row in family.hyperparameters where [.hasAttentionBias, .hasFeedForwardBias].contains(row.key) {
        guard let key = row.config.first, values.flag(row.key), !isSet(key, config) else { continue }
        if case .value(.flag(true)) = row.configDefault, config[key] == nil { continue }
        config[key] = true
      }
    }
    if modelClass.isComposite, var text = config["text_config"]?.object {
      correctSettings(&text)
      config["text_config"] = .object(text)
      return
    }
    correctSettings(&config)
    let architecture = JSONValue.string(architecture)
    if config["architectures"]?.array?.contains(architecture) != true { config["architectures"] = [architecture] }
    if config["model_type"] == nil { config["model_type"] = .string(modelClass.modelType) }
  }

  var listsRopeFactors: Bool { if case .divisors? = rotation?.embedding.scaling { true } else { false } }

  func completed(by kept: any Model) -> (any Model)? {
    guard let kept = kept as? DecoderModel, type(of: kept.family) == type(of: family) else { return nil }
    // Before anything is made of its sizes: they are a file's word.
    guard kept.decoder.kindOfLayer.count == decoder.kindOfLayer.count else { return nil }
    var (own, other) = (comparable, kept.comparable)
    // Settings are the same if they turn heads alike: a GGUF has fewer words for them.
    guard own.takeRotations(of: &other), Self.withoutKinds(own) == Self.withoutKinds(other) else { return nil }
    guard family.agrees(kept, with: self) else { return nil }
    var result = kept
    // A bare model has no head, though llama.cpp would take the embedding for one.
    result.hasHead = kept.hasHead || !tiesHead
    result.tiesHead = tiesHead && (kept.hasHead || kept.tiesHead)
    family.take(&result, from: self)
    return result
  }

  /// Layers compared one by one, however their kinds are numbered.
  private static func withoutKinds(_ decoder: Decoder) -> Decoder {
    Decoder(sorting: decoder)
  }

  private var comparable: Decoder {
    var result = family.comparable(decoder)
    (result.tiesHead, result.hasHead) = (false, true)
    return result
  }
}

extension Decoder {
  /// Takes the rotations of another decoder where both turn heads alike.
  /// - Returns: whether they do.
  fileprivate mutating func takeRotations(of other: inout Decoder) -> Bool {
    guard layerCount == other.layerCount else { return false }
    for layer in kindOfLayer.indices {
      let (kind, otherKind) = (kindOfLayer[layer], other.kindOfLayer[layer])
      let (one, two) = (layerKinds[kind].attention.rotation, other.layerKinds[otherKind].attention.rotation)
      guard let one, let two else {
        guard one == nil, two == nil else { return false }
        continue
      }
      guard one.dimension == two.dimension,
        one == two || two.embedding.agrees(with: one.embedding, dimension: one.dimension)
      else { return false }
      other.layerKinds[otherKind].attention.rotation?.embedding = one.embedding
    }
    return true
  }
}

extension DecoderModel {
  func forwardPass(path: String) throws(FileError) -> ForwardPass {
    try checkIsCausal(path)
    return try decoder.forwardPass(table, path: path)
  }

  var overview: [(label: String, text: String)] {
    guard let layer = decoder.layerKinds.first else { return [] }
    let (attention, feedForward) = (layer.attention, layer.feedForward)
    let windows = Set(decoder.layerKinds.compactMap(\.attention.window)).sorted()
    var heads =
      "\(attention.headCount) heads of \(attention.headDimension), \(attention.keyHeadCount) for keys and values"
    if let window = windows.first {
      heads += ", sliding window of \(window)"
      let count = decoder.kindOfLayer.count { decoder.layerKinds[$0].attention.window != nil }
      if count < layerCount { heads += " in \(count) layers" }
    }
    var size = "\(decoder.hiddenSize), feed-forward \(feedForward.size)"
    if let experts = decoder.layerKinds.lazy.compactMap(\.feedForward.experts).first {
      size += ", \(experts.count) experts, \(experts.usedCount) a token"
    }
    var rows = [
      ("Model", className), ("Layers", "\(layerCount)"), ("Hidden size", size), ("Attention", heads),
    ]
    if let text = rotations { rows.append(("RoPE", text)) }
    rows.append(("Context", "\(decoder.contextLength)"))
    rows.append(("Vocabulary", "\(vocabularySize)" + (tiesHead ? ", tied head" : "")))
    return rows.map { (label: $0.0, text: $0.1) }
  }

  /// How heads are turned, and in how many layers where that differs; nil where none are.
  private var rotations: String? {
    var kinds: [(rotation: Attention.Rotation?, layers: Int)] = []
    for kind in decoder.kindOfLayer {
      let rotation = decoder.layerKinds[kind].attention.rotation
      if let index = kinds.firstIndex(where: { $0.rotation == rotation }) {
        kinds[index].layers += 1
      } else {
        kinds.append((rotation, 1))
      }
    }
    guard kinds.contains(where: { $0.rotation != nil }) else { return nil }
    let width = decoder.layerKinds.first?.attention.headDimension ?? 0
    return kinds.map { rotation, layers in
      var text = rotation?.embedding.summary ?? "none"
      if let rotation, rotation.dimension < width {
        text += ", \(rotation.dimension) of the \(width) elements of a head"
      }
      return text + (kinds.count > 1 ? " in \(layers) layers" : "")
    }.joined(separator: "; ")
  }
}
