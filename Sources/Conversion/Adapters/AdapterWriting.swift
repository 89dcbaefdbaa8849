internal import Architectures
internal import Bytes
internal import Tensors

/// What a GGUF holds of an adapter: its factors under ggml's names, in the order in which llama.cpp's converter writes
/// them, and the one alpha of all.
struct AdapterWriting {
  /// `NAME.lora_a`, then `NAME.lora_b` of each tensor that is changed.
  private(set) var tensors: [NamedDerivation] = []
  /// What a product of factors is multiplied by is this over their rank.
  let alpha: Float
  let inputs: TensorInputs
  /// Copies of the model's own weights, which are passed over.
  private(set) var copies: [String] = []

  /// - Throws: `FileError` naming what a GGUF cannot say of the adapter, or what does not fit the model.
  init(_ adapter: Adapter, of base: AdapterBase) throws(FileError) {
    let model = base.model
    inputs = TensorInputs(model: adapter.path, tensors: adapter.tensors)
    guard adapter.spelling != .gguf else {
      throw FileError(.unsupported, path: adapter.path, "is a GGUF already")
    }
    try Self.refuseOthers(adapter)
    copies = try Self.copies(in: adapter, of: base)
    alpha = try Self.commonAlpha(of: adapter)
    let (pairs, order) = try Self.pairs(adapter, base, alpha)
    let expected = model.expectedTensors.map(\.name)
    var placed: [(place: Int, name: String, pair: FactorPair)] = []
    for tensor in try model.ggufTensors(fromHuggingFace: expected, path: base.path) {
      guard let pair = try inputs.factors(of: tensor.derivation, from: pairs) else { continue }
      // What is made of several tensors is written when the last of them has come.
      placed.append((tensor.derivation.sources.compactMap { order[$0.name] }.max() ?? 0, tensor.name, pair))
    }
    // A sort that keeps what is equal in its order.
    for (_, name, pair) in placed.sorted(by: { $0.place < $1.place }) {
      // llama.cpp looks up rows of the first factor, one for each token.
      let isEmbedding = name == AdapterKey.ggufEmbedding + ".weight"
      let stored =
        isEmbedding ? FactorPair(down: pair.up, up: pair.down.applying(Transposition())) : pair
      tensors.append(NamedDerivation(name: name + ".lora_a", derivation: stored.down))
      tensors.append(NamedDerivation(name: name + ".lora_b", derivation: stored.up))
    }
    guard !tensors.isEmpty else { throw FileError(.missing, path: adapter.path, "holds no factors") }
  }

  // MARK: - What a GGUF cannot say

  private static let remedy = "merge the adapter into its model instead"

  private static func refuseOthers(_ adapter: Adapter) throws(FileError) {
    func refuse(_ subject: String, _ what: String) throws(FileError) {
      throw FileError(
        .unsupported, path: adapter.path, subject: subject, "\(what), which a GGUF adapter cannot hold; \(remedy)")
    }
    if adapter.config.usesDoRA { try refuse("use_dora", "is DoRA, with magnitudes beside the factors") }
    if adapter.config.takesColumnsOut {
      try refuse("init_lora_weights", "takes a part of the model out of it (olora)")
    }
    for (_, parts) in adapter.modules.sorted(by: { $0.key < $1.key }) {
      for (part, what) in [
        (AdapterKey.Part.magnitude, "is a magnitude of DoRA"), (.tokenRows, "holds rows of single tokens"),
        (.upBias, "is a bias of a factor (lora_bias)"),
        (.weight, "is a weight that was trained whole"), (.bias, "is a bias that was trained"),
        (.copiedWeight, "is a weight that was trained whole"), (.copiedBias, "is a bias that was trained"),
      ] {
        if let stored = parts[part] { try refuse(stored, what) }
      }
    }
  }

  /// What PEFT saves of the model beside an adapter of it, as the converter passes it over.
  /// - Throws: `FileError` where it is of another shape, so that a vocabulary is another one.
  private static func copies(in adapter: Adapter, of base: AdapterBase) throws(FileError) -> [String] {
    let shapes = expectedShapes(base.model)
    let inputs = TensorInputs(model: adapter.path, tensors: adapter.tensors)
    var copies: [String] = []
    for (module, parts) in adapter.modules.sorted(by: { $0.key < $1.key }) {
      for (part, kind) in [(AdapterKey.Part.baseWeight, "weight"), (.baseBias, "bias")] {
        guard let stored = parts[part] else { continue }
        let shape = try inputs.tensor(TensorReference(stored)).shape
        guard let name = name(of: "\(module).\(kind)", base.model, shapes), shapes[name] == shape else {
          throw FileError(
            .unsupported, path: adapter.path, subject: stored,
            "has shape \(shape), which is not that of the model's own, so that it replaces what a GGUF adapter cannot; "
              + remedy)
        }
        copies.append(stored)
      }
    }
    return copies
  }

  // MARK: - Names

  private static func expectedShapes(_ model: any Model) -> [String: [Int]] {
    Dictionary(model.expectedTensors.map { ($0.name, $0.shape) }, uniquingKeysWith: { first, _ in first })
  }

  /// The name in the Hugging Face form of what an adapter calls so; nil for what the model has not.
  private static func name(of stored: String, _ model: any Model, _ shapes: [String: [Int]]) -> String? {
    [stored, "model.\(stored)", model.usualName(of: stored) ?? stored].first { shapes[$0] != nil }
  }

  // MARK: - Alpha

  /// The alpha of most modules.
  private static func commonAlpha(of adapter: Adapter) throws(FileError) -> Float {
    var counts: [Float: Int] = [:]
    for (module, parts) in adapter.modules where try factors(parts, of: module, adapter) != nil {
      counts[try alpha(of: module, adapter), default: 0] += 1
    }
    let common = counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key ?? 0
    guard common != 0 else {
      throw FileError(
        .unsupported, path: adapter.path, subject: "lora_alpha",
        "is 0, which switches the adapter off; in a GGUF it would stand for a scale of 1")
    }
    return common
  }

  private static func alpha(of module: String, _ adapter: Adapter) throws(FileError) -> Float {
    let settings = try adapter.settings(of: module)
    return Float(adapter.config.alpha(settings, rank: try adapter.config.rank(settings)))
  }

  /// A pair with what its alpha is more than the common one in its second factor.
  private static func scaled(
    _ pair: FactorPair, _ module: String, _ adapter: Adapter, _ common: Float
  ) throws(FileError) -> FactorPair {
    let own = try alpha(of: module, adapter)
    guard own != common else { return pair }
    let ratio = own / common
    guard ratio.isNormal, ratio.significand == 1 else {
      throw FileError(
        .unsupported, path: adapter.path, subject: module,
        "has an alpha of \(own), and others one of \(common): a GGUF adapter has one for all, and the ratio is no power of "
          + "two, by which factors could be multiplied without a loss; \(remedy)")
    }
    return FactorPair(down: pair.down, up: pair.up.applying(Affine(scale: ratio, offset: 0)))
  }

  // MARK: - Factors

  /// The factors of each tensor of the Hugging Face form, and the order in which the adapter has them.
  private static func pairs(
    _ adapter: Adapter, _ base: AdapterBase, _ alpha: Float
  ) throws(FileError) -> (pairs: [String: FactorPair], order: [String: Int]) {
    let model = base.model
    let shapes = expectedShapes(model)
    let inputs = TensorInputs(model: adapter.path, tensors: adapter.tensors)
    var (pairs, order): ([String: FactorPair], [String: Int]) = ([:], [:])
    for tensor in adapter.tensors {
      guard let key = AdapterKey(tensor.name, adapter.spelling), let parts = adapter.modules[key.module] else {
        continue
      }
      guard let (down, up) = try factors(parts, of: key.module, adapter) else { continue }
      let stored = "\(key.module).weight"
      if model.tiesHead, [stored, "model.\(stored)"].contains(model.tiedTensors.head) {
        throw FileError(
          .unsupported, path: adapter.path, subject: down,
          "is for the head, which the model ties to the embedding: llama.cpp has no tensor of its own for it; \(remedy)"
        )
      }
      guard let name = name(of: stored, model, shapes), let shape = shapes[name] else {
        throw FileError(
          .mismatch, path: adapter.path, subject: down,
          "the model \(base.path) has no tensor \(stored); the adapter was trained on another model")
      }
      guard pairs[name] == nil else { continue }
      let pair = orient(
        FactorPair(down: .source(named: down), up: .source(named: up)),
        isOfEmbedding: parts[.embeddingDown] != nil, name, adapter, model)
      try check(pair, shape, inputs, name, adapter, key.module)
      pairs[name] = try scaled(pair, key.module, adapter, alpha)
      order[name] = order.count
    }
    return (pairs, order)
  }

  private static func factors(
    _ parts: [AdapterKey.Part: String], of module: String, _ adapter: Adapter
  ) throws(FileError) -> (down: String, up: String)? {
    switch (parts[.down] ?? parts[.embeddingDown], parts[.up] ?? parts[.embeddingUp]) {
    case (nil, nil): return nil
    case (let down?, let up?): return (down, up)
    default:
      throw FileError(
        .mismatch, path: adapter.path, subject: module, "has only one of the factors of its change")
    }
  }

  /// The factors of the weight as the model stores it.
  private static func orient(
    _ pair: FactorPair, isOfEmbedding: Bool, _ name: String, _ adapter: Adapter, _ model: any Model
  ) -> FactorPair {
    let pair = adapter.factors(pair, ofEmbedding: name == model.tiedTensors.embedding)
    return isOfEmbedding || model.isStoredTransposed(name) ? pair.transposed : pair
  }

  private static func check(
    _ pair: FactorPair, _ shape: [Int], _ inputs: TensorInputs, _ name: String, _ adapter: Adapter, _ module: String
  ) throws(FileError) {
    let (down, up) = (try inputs.shape(of: pair.down), try inputs.shape(of: pair.up))
    let rank = try adapter.rank(of: module)
    guard shape.count == 2, down == [rank, shape[1]], up == [shape[0], rank] else {
      throw FileError(
        .mismatch, path: adapter.path, subject: pair.down.sources.first?.name,
        "the factors \(up) and \(down) do not give the model's \(name) of shape \(shape) with rank \(rank)")
    }
  }
}
