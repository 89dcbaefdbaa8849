extension TensorTable {
  /// The roles of what computes the columns of a feed-forward network's last product.
  private static let inner: [ModuleRole: [ModuleRole]] = [
    .down: [.gate, .up], .sharedDown: [.sharedGate, .sharedUp], .expertDown: [.expertGate, .expertUp],
  ]

  /// How tensors of the Hugging Face form come from themselves where the inner neurons of a feed-forward network are in
  /// another order: the rows of gate and up, their biases among them, which may not be stored.
  /// - Parameters:
  ///   - order: the neuron at each place.
  ///   - down: the weight of the network's last product, whose columns are then in that order.
  /// - Returns: nil where that is no such weight, or has its neighbours in a form that is not along rows.
  func reordering(_ order: [Int], neuronsOf down: String) -> [NamedDerivation]? {
    guard let found = module(huggingFace: down), found.tensor.kind == .weight,
      let roles = Self.inner[found.tensor.role],
      // Of a stack each expert would have an order of its own.
      found.tensor.role.isOfExperts == (found.expert != nil)
    else { return nil }
    var result: [NamedDerivation] = []
    for kind in [ModuleTensor.Kind.weight, .bias] {
      let tensors = Set(roles.map { ModuleTensor($0, kind) })
      for row in rows(ofLayer: found.layer) where !tensors.isDisjoint(with: row.tensors) {
        guard row.tensors.allSatisfy(tensors.contains) else { return nil }
        func source(_ name: String) -> Derivation { .source(named: storedName(name, layer: found.layer)) }
        func reordered(_ derivation: Derivation) -> Derivation { derivation.applying(RowPermutation(order)) }
        switch row.huggingFace {
        case .each(let names):
          result += names.map {
            NamedDerivation(name: storedName($0, layer: found.layer), derivation: reordered(source($0)))
          }
        case .fused(let name, let fusion):
          guard !fusion.isTransposed, !fusion.isOfColumns else { return nil }
          let parts = row.huggingFace.parts(source).map(reordered)
          result.append(
            NamedDerivation(name: storedName(name, layer: found.layer), derivation: fusion.whole(parts)))
        case .experts(let pattern, _):
          guard let expert = found.expert else { return nil }
          let name = TensorRow.Spelling.name(pattern, expert: expert)
          result.append(
            NamedDerivation(name: storedName(name, layer: found.layer), derivation: reordered(source(name))))
        case .nowhere: continue
        }
      }
    }
    return result.isEmpty ? nil : result
  }
}
