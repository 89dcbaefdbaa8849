internal import Architectures
internal import Bytes
internal import Tensors

/// The tensors of a model while an adapter is put into them, in the order in which PEFT computes: what lies under the
/// adapter, modules that were trained whole, biases and factors, rows of tokens.
struct AdaptedTensors {
  private(set) var tensors: [NamedDerivation]
  private let adapter: Adapter
  /// The tensors that derivations name; this adapter's are number `input`.
  private let inputs: TensorInputs
  private let input: Int
  private var places: [String: Int] = [:]
  /// The embedding and the head; nil for a model that is not known.
  private let pair: (embedding: String, head: String)?
  /// Whether the head is the embedding in the model.
  private let isTied: Bool

  /// - Parameter isTied: whether the two tensors of `pair`, which are both among `tensors`, are one in the model.
  /// - Throws: `FileError` naming the tensor of the adapter that does not fit the model.
  init(
    _ adapter: Adapter, on tensors: [NamedDerivation], pair: (embedding: String, head: String)?, isTied: Bool,
    inputs: TensorInputs, input: Int
  ) throws(FileError) {
    self.adapter = adapter
    self.tensors = tensors
    self.pair = pair
    self.isTied = isTied
    self.inputs = inputs
    self.input = input
    for (index, tensor) in tensors.enumerated() { places[tensor.name] = index }
    let modules = adapter.modules.sorted { $0.key < $1.key }
    for (module, parts) in modules where !followsEmbedding(module) { try replaceBase(of: module, parts) }
    for (module, parts) in modules where !followsEmbedding(module) {
      try replaceSaved(module, parts)
      try addBias(module, parts)
      try addFactors(module, parts)
    }
    try replaceTokens()
    if isTied, adapter.config.ensuresTying, let twins {
      self.tensors[twins.head].derivation = self.tensors[twins.embedding].derivation
    }
  }

  /// Whether the embedding and the head come about in the same way.
  var hasTwins: Bool {
    twins.map { tensors[$0.embedding].derivation == tensors[$0.head].derivation } ?? false
  }

  /// The places of the embedding and the head, where there are both.
  private var twins: (embedding: Int, head: Int)? {
    guard let pair, let embedding = places[pair.embedding], let head = places[pair.head] else { return nil }
    return (embedding, head)
  }

  /// Whether a module is the head of a model whose head has to stay the embedding.
  private func followsEmbedding(_ module: String) -> Bool {
    guard isTied, adapter.config.ensuresTying, let twins else { return false }
    return place(of: module, "weight") == twins.head
  }

  // MARK: - Names

  private func place(of module: String, _ kind: String) -> Int? {
    // An adapter that was trained on the bare model lacks the outer "model.".
    places["\(module).\(kind)"] ?? places["model.\(module).\(kind)"]
  }

  private func requiredPlace(of module: String, _ kind: String, stored: String) throws(FileError) -> Int {
    if let place = place(of: module, kind) { return place }
    throw FileError(
      .mismatch, path: adapter.path, subject: stored,
      "the model has no tensor \(module).\(kind); the adapter was trained on another model")
  }

  private func reference(_ stored: String) -> TensorReference { TensorReference(stored, input: input) }

  // MARK: - Replacing

  /// What lies under the adapter: a copy of the model's own, or a vocabulary of another size. A tied head lies there too.
  private mutating func replaceBase(of module: String, _ parts: [AdapterKey.Part: String]) throws(FileError) {
    let isSaved = adapter.config.savesWhole(module)
    for (kind, base, plain) in [
      ("weight", AdapterKey.Part.baseWeight, AdapterKey.Part.weight), ("bias", .baseBias, .bias),
    ] {
      if let stored = parts[base] {
        // Beside a module that is trained whole this is what was there before.
        guard let index = place(of: module, kind) else {
          _ = try requiredPlace(of: module, kind, stored: stored)
          continue
        }
        try setBase(index, to: stored)
      }
      guard let stored = parts[plain], !isSaved else { continue }
      guard let index = place(of: module, kind) else {
        throw FileError(
          .unsupported, path: adapter.path, subject: stored,
          "\(Adapter.unknown), and the model has no tensor \(module).\(kind)")
      }
      if try shape(of: index) == inputs.tensor(reference(stored)).shape { try adapter.refuseWeight(for: stored) }
      try setBase(index, to: stored)
    }
  }

  private mutating func setBase(_ index: Int, to stored: String) throws(FileError) {
    try checkShape(of: stored, replacing: index)
    // What lies under both is one parameter.
    let both = twins.map { [$0.embedding, $0.head] } ?? []
    for index in isTied && both.contains(index) ? both : [index] {
      let base = tensors[index].derivation.unadapted
      if case .source(let earlier) = base, earlier.input > 0, earlier.input != input,
        !(try inputs.tensor(earlier).hasSameValues(as: try inputs.tensor(reference(stored))))
      {
        throw FileError(
          .mismatch, path: adapter.path, subject: stored,
          "replaces the model's \(tensors[index].name), and so does \(inputs.path(of: earlier)) with other values; "
            + "only one of these adapters can be merged")
      }
      tensors[index].derivation = tensors[index].derivation.onBase(base.with(stored: reference(stored)))
      _ = try DerivedTensor(tensors[index].derivation, inputs: inputs)
    }
  }

  /// A module that was trained whole, on a copy of its own.
  private mutating func replaceSaved(_ module: String, _ parts: [AdapterKey.Part: String]) throws(FileError) {
    let isSaved = adapter.config.savesWhole(module)
    for (kind, plain, copied) in [
      ("weight", AdapterKey.Part.weight, AdapterKey.Part.copiedWeight), ("bias", .bias, .copiedBias),
    ] {
      guard let stored = (isSaved ? parts[plain] : nil) ?? parts[copied] else { continue }
      try adapter.refuseWeight(for: stored)
      let index = try requiredPlace(of: module, kind, stored: stored)
      try checkShape(of: stored, replacing: index)
      if tensors[index].derivation.sources.contains(where: { $0.input > 0 && $0.input != input }) {
        throw FileError(
          .mismatch, path: adapter.path, subject: stored,
          "replaces \(tensors[index].name), which an adapter before it has changed; only one of them can be merged")
      }
      tensors[index].derivation = .source(reference(stored))
    }
  }

  private func shape(of index: Int) throws(FileError) -> [Int] {
    try DerivedTensor(tensors[index].derivation, inputs: inputs).shape
  }

  /// The shape must be the model's; only a vocabulary may have another number of rows.
  private func checkShape(of stored: String, replacing index: Int) throws(FileError) {
    let (found, expected) = (try inputs.tensor(reference(stored)).shape, try shape(of: index))
    let name = tensors[index].name
    let isVocabulary = [pair?.embedding, pair?.head].contains(name) && found.count == 2 && expected.count == 2
    guard found == expected || isVocabulary && found[0] > 0 && found[1] == expected[1] else {
      throw FileError(
        .mismatch, path: adapter.path, subject: stored,
        "has shape \(found), but the model's \(name) has \(expected)")
    }
  }

  /// Rows of embeddings that were trained by themselves.
  private mutating func replaceTokens() throws(FileError) {
    let trained = adapter.modules.compactMap { module, parts in parts[.tokenRows].map { (module, $0) } }
    var rows: [Int: (stored: String, rows: [Int])] = [:]
    for (module, stored) in trained.sorted(by: { $0.0 < $1.0 }) {
      let index = try requiredPlace(of: module, "weight", stored: stored)
      let isEmbedding = tensors[index].name == pair?.embedding
      let lists = adapter.config.tokenRows
      if let list = lists.first(where: { $0.module.map { module.hasSuffix($0) } ?? isEmbedding }) {
        rows[index] = (stored, list.rows)
      } else if !(isTied && tensors[index].name == pair?.head) {
        throw FileError(
          .mismatch, path: adapter.path, subject: stored,
          "holds rows of tokens, but trainable_token_indices in \(AdapterFolder.config) does not say which")
      }
    }
    if isTied, let twins, let trained = rows[twins.embedding],
      adapter.config.ensuresTying || rows[twins.head].map({ $0.rows == trained.rows }) ?? true
    {
      // PEFT lets a tied head follow, unless other rows of it were trained.
      rows[twins.head] = trained
    }
    for (index, (stored, rows)) in rows.sorted(by: { $0.key < $1.key }) where !rows.isEmpty {
      try adapter.refuseWeight(for: stored)
      let derivation = Derivation.replacingRows(
        tensors[index].derivation, reference(stored), rows: rows)
      _ = try DerivedTensor(derivation, inputs: inputs)
      if let again = tensors[index].derivation.replacedRows.first(where: rows.contains) {
        throw FileError(
          .mismatch, path: adapter.path, subject: stored,
          "replaces row \(again) of \(tensors[index].name), and so does an adapter before it; only one of them can be merged"
        )
      }
      tensors[index].derivation = derivation
    }
    for list in adapter.config.tokenRows where !list.rows.isEmpty && trained.isEmpty {
      throw FileError(
        .missing, path: adapter.path, subject: "trainable_token_indices",
        "\(list.rows.count) rows of tokens were trained, but the adapter holds none")
    }
  }

  // MARK: - Adding

  private mutating func addBias(_ module: String, _ parts: [AdapterKey.Part: String]) throws(FileError) {
    guard let bias = parts[.upBias] else { return }
    let index = try requiredPlace(of: module, "bias", stored: bias)
    tensors[index].derivation = .addingScaled(
      tensors[index].derivation, reference(bias),
      scale: try adapter.scale(of: module, rank: try rank(of: module, parts)))
    _ = try DerivedTensor(tensors[index].derivation, inputs: inputs)
  }

  private mutating func addFactors(_ module: String, _ parts: [AdapterKey.Part: String]) throws(FileError) {
    guard let (down, up, isEmbedding) = try factors(of: module, parts) else { return }
    let index = try requiredPlace(of: module, "weight", stored: down)
    let rank = try rank(of: module, parts)
    if let magnitude = parts[.magnitude] {
      try adapter.refuseWeight(for: magnitude)
    } else if adapter.config.usesDoRA {
      throw FileError(
        .mismatch, path: adapter.path, subject: down, "use_dora is set, but there is no magnitude vector")
    }
    var update = LowRankUpdate(
      down: reference(down), up: reference(up), rank: rank, scale: try adapter.scale(of: module, rank: rank),
      isTransposed: isEmbedding, magnitude: parts[.magnitude].map(reference))
    if adapter.config.fanInFanOut, !isEmbedding {
      // A layer that stores its weight [in, out] is known by its shape; PEFT ignores the flag for the others.
      let shape = try shape(of: index)
      let factorShapes = (try inputs.tensor(update.down).shape, try inputs.tensor(update.up).shape)
      update.isTransposed = shape == [factorShapes.0.last ?? 0, factorShapes.1.first ?? 0] && shape[0] != shape[1]
    }
    if adapter.config.takesColumnsOut, !isEmbedding { try takeColumnsOut(of: index, update) }
    tensors[index].derivation = .adding(tensors[index].derivation, update)
    _ = try DerivedTensor(tensors[index].derivation, inputs: inputs)
  }

  /// OLoRA: the model without what the adapter began with, which PEFT takes out of it when it loads the adapter.
  private mutating func takeColumnsOut(of index: Int, _ update: LowRankUpdate) throws(FileError) {
    try adapter.refuseWeight(for: update.down.name)
    let base = tensors[index].derivation.unadapted
    let stored = try base.sources.first.map { source throws(FileError) in try inputs.tensor(source) }
    guard let encoding = stored?.singleEncoding, [.f32, .f16, .bf16].contains(encoding), !update.isTransposed else {
      throw FileError(
        .unsupported, path: adapter.path, subject: "init_lora_weights",
        "olora takes a part of the unquantized model out; \(tensors[index].name) is stored as "
          + "\(stored?.typeName ?? "something computed"), so give the model that it was trained on")
    }
    // The scale of the configuration: a weight of the whole change is refused.
    tensors[index].derivation = tensors[index].derivation.onBase(
      .without(base, ColumnSpan(columns: update.rank, scale: update.scale, rounding: encoding)))
  }

  private func factors(
    of module: String, _ parts: [AdapterKey.Part: String]
  ) throws(FileError) -> (down: String, up: String, isEmbedding: Bool)? {
    switch (parts[.down], parts[.up], parts[.embeddingDown], parts[.embeddingUp]) {
    case (nil, nil, nil, nil):
      guard let magnitude = parts[.magnitude] else { return nil }
      throw FileError(.mismatch, path: adapter.path, subject: magnitude, "belongs to factors that are not there")
    case (let down?, let up?, nil, nil): return (down, up, false)
    case (nil, nil, let down?, let up?): return (down, up, true)
    default:
      throw FileError(
        .mismatch, path: adapter.path, subject: module, "has only one of the factors lora_A and lora_B")
    }
  }

  /// The rank that the factor has, which must be the one that the configuration names.
  private func rank(of module: String, _ parts: [AdapterKey.Part: String]) throws(FileError) -> Int {
    guard let down = parts[.down] ?? parts[.embeddingDown] else {
      throw FileError(
        .mismatch, path: adapter.path, subject: module, "has a bias for a factor lora_B that is not there")
    }
    let found = try inputs.tensor(reference(down)).shape.first ?? 0
    let expected = try adapter.config.rank(try adapter.settings(of: module))
    guard found == expected else {
      throw FileError(
        .mismatch, path: adapter.path, subject: down,
        "has rank \(found), but \(AdapterFolder.config) says \(expected)")
    }
    return found
  }
}

extension Derivation {
  /// What lies under adapters, with another tensor for the stored one.
  fileprivate func with(stored reference: TensorReference) -> Derivation {
    if case .without(let inner, let span) = self { return .without(inner.with(stored: reference), span) }
    return .source(reference)
  }
}
