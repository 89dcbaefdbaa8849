internal import Architectures
internal import Bytes
internal import Tensors

extension AdaptedTensors {
  /// Adds what a GGUF holds for tensors under ggml's names: its factors go the way from there to the Hugging Face form
  /// that the tensors themselves go, their rows in the model's order.
  mutating func addGGUFFactors() throws(FileError) {
    var modules: [String: String] = [:]
    var pairs: [String: FactorPair] = [:]
    for (module, parts) in adapter.modules {
      guard let down = parts[.down], let up = parts[.up] else { continue }
      let pair = FactorPair(down: .source(reference(down)), up: .source(reference(up)))
      let name = module + ".weight"
      modules[name] = module
      pairs[name] =
        module == AdapterKey.ggufEmbedding
        ? FactorPair(down: pair.up.applying(Transposition()), up: pair.down) : pair
    }
    var unused = Set(pairs.keys)
    for tensor in try tensorsFromGGUF() {
      let names = tensor.derivation.sources.map(\.name).filter { pairs[$0] != nil }
      guard let first = names.first, let module = modules[first], let index = places[tensor.name] else { continue }
      unused.subtract(names)
      guard let pair = try inputs.factors(of: tensor.derivation, from: pairs) else { continue }
      let rank = try adapter.rank(of: module)
      try add(LowRankAddition(rank: rank, scale: try adapter.scale(of: module)), pair, to: index)
    }
    if let name = unused.min() {
      throw FileError(
        .mismatch, path: adapter.path, subject: modules[name],
        "the model has no tensor \(FileError.quoted(name)); the adapter was trained on another model"
          + (adapter.config.baseModel.map { ", \(FileError.quoted($0))" } ?? ""))
    }
  }

  /// How each tensor that the model has comes from those of its GGUF, where that is known; otherwise they are those of a
  /// GGUF.
  private func tensorsFromGGUF() throws(FileError) -> [NamedDerivation] {
    guard let model else { return tensors.map { NamedDerivation(asStored: $0.name) } }
    let names = try model.ggufTensors(fromHuggingFace: tensors.map(\.name), path: adapter.path).map(\.name)
    return try model.huggingFaceTensors(fromGGUF: names, path: adapter.path)
  }
}

extension TensorInputs {
  /// The factors of a weight that comes from others, some of which are products of `pairs`; nil where none is.
  /// - Throws: `FileError` where the weight is no product then.
  func factors(
    of weight: Derivation, from pairs: [String: FactorPair]
  ) throws(FileError) -> FactorPair? {
    switch weight {
    case .source(let reference): return pairs[reference.name]
    case .made(let transform, let inputs):
      var found: [FactorPair] = []
      for input in inputs {
        guard let pair = try factors(of: input, from: pairs) else { continue }
        found.append(try sharing(pair, with: found.first))
      }
      guard let first = found.first else { return nil }
      guard found.count == inputs.count, let result = transform.factors(of: found) else {
        let stored = first.down.sources.first
        throw FileError(
          .unsupported, path: path(of: first.down), subject: stored?.name,
          "is for a part of a tensor whose parts are one in the other form, and the parts of its change are no product of "
            + "two factors together: all must be there, with the same first factor")
      }
      return result
    }
  }

  /// A pair with the first factor of another one, where the two hold the same values.
  private func sharing(_ pair: FactorPair, with other: FactorPair?) throws(FileError) -> FactorPair {
    guard let other, case .source(let one) = pair.down, case .source(let two) = other.down,
      try tensor(one).hasSameValues(as: try tensor(two))
    else { return pair }
    return FactorPair(down: other.down, up: pair.up)
  }
}
