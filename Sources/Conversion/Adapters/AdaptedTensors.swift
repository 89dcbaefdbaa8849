internal import Architectures
internal import Bytes
internal import Tensors

/// The tensors of a model while an adapter is put into them, in the order in which PEFT computes: what lies under the
/// adapter, modules that were trained whole, rows of tokens, biases and factors.
struct AdaptedTensors {
  private(set) var tensors: [NamedDerivation]
  let adapter: Adapter
  /// The tensors that derivations name; this adapter's are number `input`.
  let inputs: TensorInputs
  private let input: Int
  private(set) var places: [String: Int] = [:]
  /// Nil for a model that is not known.
  let model: (any Model)?
  /// The embedding and the head.
  private var pair: (embedding: String, head: String)? { model?.tiedTensors }
  /// Whether the embedding and the head are one parameter under what adapters do with each of them.
  private var isTied = false
  /// Whether the head comes out as the embedding does.
  private(set) var hasTwins = false

  /// - Parameter tensors: embedding and head among them, as copies of one where the model's head is the embedding.
  /// - Throws: `FileError` naming the tensor of the adapter that does not fit the model.
  init(
    _ adapter: Adapter, on tensors: [NamedDerivation], of model: (any Model)?, inputs: TensorInputs, input: Int
  ) throws(FileError) {
    self.adapter = adapter
    self.tensors = tensors
    self.model = model
    self.inputs = inputs
    self.input = input
    for (index, tensor) in tensors.enumerated() { places[tensor.name] = index }
    isTied =
      twins.map { tensors[$0.embedding].derivation.unadapted == tensors[$0.head].derivation.unadapted } ?? false
    // Those of a GGUF are not under names of the Hugging Face form.
    let modules = adapter.spelling == .gguf ? [] : adapter.modules.sorted { $0.key < $1.key }
    for (module, parts) in modules { try replaceBase(of: module, parts) }
    for (module, parts) in modules { try takeColumnsOut(of: module, parts) }
    for (module, parts) in modules { try replaceSaved(module, parts) }
    try replaceTokens()
    for (module, parts) in modules {
      try addBias(module, parts)
      try addFactors(module, parts)
    }
    if adapter.spelling == .gguf { try addGGUFFactors() }
    if let twins {
      hasTwins = try isSame(self.tensors[twins.embedding].derivation, self.tensors[twins.head].derivation)
    }
    try checkTying()
  }

  /// The places of the embedding and the head, where there are both.
  private var twins: (embedding: Int, head: Int)? {
    guard let pair, let embedding = places[pair.embedding], let head = places[pair.head] else { return nil }
    return (embedding, head)
  }

  // MARK: - Tying

  /// Whether two ways lead to the same values, as far as the stored tensors tell: what PEFT keeps as one parameter it
  /// stores for the embedding and for the head, factors transposed.
  private func isSame(_ one: Derivation, _ other: Derivation) throws(FileError) -> Bool {
    switch (one, other) {
    case (.source(let one), .source(let other)):
      if one == other { return true }
      return try inputs.tensor(one).hasSameValues(as: try inputs.tensor(other))
    case (
      .made(let update as LowRankAddition, let parts), .made(let otherUpdate as LowRankAddition, let otherParts)
    ):
      guard try isSame(parts[0], otherParts[0]) else { return false }
      // DoRA scales the columns of an embedding, and the rows of a head.
      guard parts.count == 3, otherParts.count == 3, update.scale == otherUpdate.scale,
        update.isTransposed != otherUpdate.isTransposed,
        case (.source(let down), .source(let up)) = (parts[1], parts[2]),
        case (.source(let otherDown), .source(let otherUp)) = (otherParts[1], otherParts[2])
      else { return update == otherUpdate && parts.dropFirst() == otherParts.dropFirst() }
      guard try isTransposed(down, otherUp) else { return false }
      return try isTransposed(up, otherDown)
    default:
      return one == other
    }
  }

  private func isTransposed(_ one: TensorReference, _ other: TensorReference) throws(FileError) -> Bool {
    var (one, other) = (try inputs.tensor(one), try inputs.tensor(other))
    guard one.shape.count == 2, one.shape == other.shape.reversed() else { return false }
    // The one with short columns, some of them at a time, beside the other's rows: there may be one for each token.
    if one.rowCount > other.rowCount { swap(&one, &other) }
    let (rows, columns) = (one.rowCount, one.columns)
    var scratch: [UInt8] = []
    func values(_ tensor: any StoredWeight, _ elements: Range<Int>) throws(FileError) -> [Float] {
      var values = [Float](repeating: 0, count: elements.count)
      var span = values.mutableSpan
      try tensor.read(elements: elements, into: &span, scratch: &scratch)
      return values
    }
    let step = max(1, DerivedTensor.slabElements / max(1, rows))
    for start in stride(from: 0, to: columns, by: step) {
      let end = min(start + step, columns)
      let others = try values(other, start * rows..<end * rows)
      for row in 0..<rows {
        let own = try values(one, row * columns + start..<row * columns + end)
        guard own.indices.allSatisfy({ own[$0] == others[$0 * rows + row] }) else { return false }
      }
    }
    return true
  }

  /// With `ensure_weight_tying` PEFT stores what it trains of the embedding for the head too, and loads both. They differ
  /// where the head began in a way of its own, or has magnitudes or a scale of its own; what else differs is refused.
  private func checkTying() throws(FileError) {
    guard isTied, adapter.config.ensuresTying, !hasTwins, let twins else { return }
    func isTrained(_ index: Int) -> Bool {
      adapter.modules.contains { place(of: $0.key, "weight") == index && $0.value[.tokenRows] == nil }
    }
    guard isTrained(twins.embedding) == isTrained(twins.head) else {
      throw FileError(
        .missing, path: adapter.path, subject: "ensure_weight_tying",
        "\(tensors[twins.embedding].name) and \(tensors[twins.head].name) were trained together, but the adapter holds only "
          + "one of them; load it with the PEFT that trained it, version 0.19 or later, and save it again")
    }
    if case (.source(let embedding), .source(let head)) = (
      tensors[twins.embedding].derivation, tensors[twins.head].derivation
    ) {
      throw FileError(
        .mismatch, path: adapter.path, subject: head.name,
        "has other values than \(embedding.name), though ensure_weight_tying makes them one; save the adapter again with "
          + "PEFT")
    }
  }

  /// The embedding and the head where a place is one of them and both are one parameter; otherwise the place alone.
  private func sharing(_ index: Int) -> [Int] {
    guard isTied, let twins, [twins.embedding, twins.head].contains(index) else { return [index] }
    return [twins.embedding, twins.head]
  }

  // MARK: - Names

  private func place(of module: String, _ kind: String) -> Int? {
    let name = "\(module).\(kind)"
    // An adapter that was trained on the bare model lacks the outer "model."; one that was trained on a composite model
    // has its names, whatever they are in the files.
    return places[name] ?? places["model.\(name)"] ?? model?.usualName(of: name).flatMap { places[$0] }
  }

  private func requiredPlace(of module: String, _ kind: String, stored: String) throws(FileError) -> Int {
    if let place = place(of: module, kind) { return place }
    throw FileError(
      .mismatch, path: adapter.path, subject: stored,
      "the model has no tensor \(module).\(kind); the adapter was trained on another model"
        + (adapter.config.baseModel.map { ", \(FileError.quoted($0))" } ?? ""))
  }

  func reference(_ stored: String) -> TensorReference { TensorReference(stored, input: input) }

  /// Where a change of a parameter belongs: MLX changes the parameter itself, which a tied head is too.
  private func targets(_ index: Int) -> [Int] { adapter.spelling == .mlx ? sharing(index) : [index] }

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
    let base = tensors[index].derivation.unadapted
    if case .made(is ColumnSpan, _) = base {
      throw FileError(
        .mismatch, path: adapter.path, subject: stored,
        "replaces the model's \(tensors[index].name), out of which an adapter before it has taken what it began with "
          + "(olora); merge that adapter after this one")
    }
    if case .source(let earlier) = base, earlier.input > 0,
      !(try inputs.tensor(earlier).hasSameValues(as: try inputs.tensor(reference(stored))))
    {
      throw FileError(
        .mismatch, path: adapter.path, subject: stored,
        "replaces the model's \(tensors[index].name), and so does \(earlier.name) of \(inputs.path(of: earlier)) with "
          + "other values; only one of them can be merged")
    }
    try setBase(index, to: .source(reference(stored)))
  }

  private mutating func setBase(_ index: Int, to base: Derivation) throws(FileError) {
    for index in sharing(index) {
      tensors[index].derivation = tensors[index].derivation.onBase(base)
      _ = try DerivedTensor(tensors[index].derivation, inputs: inputs)
    }
  }

  /// OLoRA: the model without what the adapter began with, which PEFT takes out of it when it loads the adapter. What the
  /// adapter holds of the model is without it.
  private mutating func takeColumnsOut(of module: String, _ parts: [AdapterKey.Part: String]) throws(FileError) {
    guard adapter.config.takesColumnsOut, parts[.down] != nil, let (index, update) = try update(of: module, parts)
    else { return }
    try adapter.refuseWeight(for: update.down)
    let base = tensors[index].derivation.unadapted
    if base.sources.contains(where: { $0.input == input }) { return }
    let stored = try base.sources.first.map { source throws(FileError) in try inputs.tensor(source) }
    guard let encoding = stored?.copiedEncoding, [.f32, .f16, .bf16].contains(encoding), !update.addition.isTransposed
    else {
      throw FileError(
        .unsupported, path: adapter.path, subject: "init_lora_weights",
        "olora takes a part of the unquantized model out; \(tensors[index].name) is stored as "
          + "\(stored?.typeName ?? "something computed"), so give the model that it was trained on")
    }
    // The scale of the configuration: a weight of the whole change is refused.
    try setBase(
      index,
      to: base.applying(
        ColumnSpan(columns: update.addition.rank, scale: update.addition.scale, rounding: encoding)))
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
      if adapter.spelling == .mlx, model?.isStoredTransposed(tensors[index].name) == true {
        throw FileError(
          .unsupported, path: adapter.path, subject: stored,
          "replaces a weight that MLX stores the other way round; fuse it there (mlx_lm.fuse), and convert the model that "
            + "this saves")
      }
      if tensors[index].derivation.sources.contains(where: { $0.input > 0 && $0.input != input }) {
        throw FileError(
          .mismatch, path: adapter.path, subject: stored,
          "replaces \(tensors[index].name), which an adapter before it has changed; only one of them can be merged")
      }
      for index in targets(index) { tensors[index].derivation = .source(reference(stored)) }
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

  /// Rows of embeddings that were trained by themselves. They lie under factors: of a tied head, which follows the
  /// embedding, PEFT wraps what lies there.
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
          "holds rows of tokens, but trainable_token_indices in \(AdapterFiles.config) does not say which")
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
      let derivation = Derivation.making(
        RowReplacement(rows: rows), of: [tensors[index].derivation, .source(reference(stored))])
      _ = try DerivedTensor(derivation, inputs: inputs)
      if let again = tensors[index].derivation.replacedRows.first(where: rows.contains) {
        throw FileError(
          .mismatch, path: adapter.path, subject: stored,
          "replaces row \(again) of \(tensors[index].name), and so does an adapter before it; only one of them can be merged"
        )
      }
      if tensors[index].derivation.hasFactors {
        throw FileError(
          .mismatch, path: adapter.path, subject: stored,
          "replaces rows of \(tensors[index].name), which an adapter before it has changed; only one of them can be merged"
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
    guard parts[.up] != nil else {
      throw FileError(
        .mismatch, path: adapter.path, subject: module, "has a bias for a factor lora_B that is not there")
    }
    guard let index = place(of: module, "bias") else {
      _ = try requiredPlace(of: module, "weight", stored: bias)
      throw FileError(
        .unsupported, path: adapter.path, subject: bias,
        "adds a bias (lora_bias) to a layer that has none in the model, so that no merged weights can stand for it; run the "
          + "adapter with PEFT, or train it without lora_bias")
    }
    tensors[index].derivation = .making(
      ScaledAddition(scale: try adapter.scale(of: module)),
      of: [tensors[index].derivation, .source(reference(bias))])
    _ = try DerivedTensor(tensors[index].derivation, inputs: inputs)
  }

  private mutating func addFactors(_ module: String, _ parts: [AdapterKey.Part: String]) throws(FileError) {
    guard let (index, update) = try update(of: module, parts) else { return }
    if let magnitude = update.magnitude, !tensors[index].derivation.replacedRows.isEmpty {
      throw FileError(
        .unsupported, path: adapter.path, subject: magnitude,
        "scales \(tensors[index].name), rows of which were trained by themselves (trainable_token_indices), which PEFT does "
          + "not compute; train with one of the two")
    }
    let magnitude = [update.magnitude].compactMap(\.self).map { Derivation.source(reference($0)) }
    for index in targets(index) { try add(update.addition, update.factors, magnitude, to: index) }
  }

  mutating func add(
    _ addition: LowRankAddition, _ factors: FactorPair, _ magnitude: [Derivation] = [], to index: Int
  ) throws(FileError) {
    tensors[index].derivation = .making(
      addition, of: [tensors[index].derivation, factors.down, factors.up] + magnitude)
    _ = try DerivedTensor(tensors[index].derivation, inputs: inputs)
  }

  /// What a module's factors add, and to which tensor; nil for a module without factors.
  private func update(
    of module: String, _ parts: [AdapterKey.Part: String]
  ) throws(FileError) -> (index: Int, update: Update)? {
    guard let (down, up, isEmbedding) = try names(ofFactors: parts, module) else { return nil }
    let index = try requiredPlace(of: module, "weight", stored: down)
    if let magnitude = parts[.magnitude] {
      try adapter.refuseWeight(for: magnitude)
    } else if adapter.config.usesDoRA {
      throw FileError(
        .mismatch, path: adapter.path, subject: down, "use_dora is set, but there is no magnitude vector")
    }
    let factors = adapter.factors(
      FactorPair(down: .source(reference(down)), up: .source(reference(up))),
      ofEmbedding: tensors[index].name == pair?.embedding)
    var addition = LowRankAddition(
      rank: try rank(of: factors, in: module, at: index, stored: down), scale: try adapter.scale(of: module),
      isTransposed: isEmbedding)
    if !isEmbedding {
      // PEFT knows such layers by their class, and goes by the flag for others alone.
      if let model {
        addition.isTransposed = model.isStoredTransposed(tensors[index].name)
      } else if adapter.config.fanInFanOut {
        addition.isTransposed = try isStoredTransposed(index, factors, stored: down)
      }
    }
    return (index, Update(addition: addition, factors: factors, down: down, magnitude: parts[.magnitude]))
  }

  /// Whether a layer of a class that is not known stores its weight `[in, out]`, which fan_in_fan_out says for all: PEFT
  /// ignores it for the others.
  private func isStoredTransposed(
    _ index: Int, _ factors: FactorPair, stored: String
  ) throws(FileError) -> Bool {
    let shape = try shape(of: index)
    let (inner, outer) = (try inputs.shape(of: factors.down).last, try inputs.shape(of: factors.up).first)
    guard shape == [inner, outer] else { return false }
    if shape[0] != shape[1] { return true }
    // A square says nothing by its shape.
    throw FileError(
      .unsupported, path: adapter.path, subject: stored,
      "is for a square weight, of which fan_in_fan_out does not tell how the class of this model stores it; merge it with "
        + "PEFT (merge_and_unload), and convert what that saves")
  }

  /// What a module's factors add, and the names of the adapter's tensors.
  private struct Update {
    let addition: LowRankAddition
    let factors: FactorPair
    let down: String
    let magnitude: String?
  }

  private func names(
    ofFactors parts: [AdapterKey.Part: String], _ module: String
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

  /// The rank that a factor has, which must be the one that the configuration names.
  private func rank(
    of factors: FactorPair, in module: String, at index: Int, stored: String
  ) throws(FileError) -> Int {
    let found = try inputs.shape(of: factors.down).first ?? 0
    let expected = try adapter.rank(of: module)
    // A head that has to stay the embedding gets its factors, whatever their rank; its scale follows from its own rank.
    let isGiven = isTied && adapter.config.ensuresTying && index == twins?.head
    guard found == expected || isGiven else {
      throw FileError(
        .mismatch, path: adapter.path, subject: stored,
        "has rank \(found), but \(AdapterFiles.config) says \(expected)")
    }
    return found
  }
}
