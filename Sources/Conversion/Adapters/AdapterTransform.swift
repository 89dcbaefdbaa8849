internal import Architectures

/// A transform that an adapter puts onto a tensor, which is its first input.
protocol AdapterTransform: TensorTransform {}

extension Derivation {
  /// What adapters were put onto.
  var unadapted: Derivation {
    guard case .made(is any AdapterTransform, let inputs) = self, let base = inputs.first else { return self }
    return base.unadapted
  }

  /// This with another tensor under the adapters.
  func onBase(_ base: Derivation) -> Derivation {
    guard case .made(let transform as any AdapterTransform, let inputs) = self, let inner = inputs.first else {
      return base
    }
    return .making(transform, of: [inner.onBase(base)] + inputs.dropFirst())
  }

  /// The rows that adapters have replaced.
  var replacedRows: [Int] {
    guard case .made(let transform as any AdapterTransform, let inputs) = self, let inner = inputs.first else {
      return []
    }
    return inner.replacedRows + ((transform as? RowReplacement)?.rows ?? [])
  }

  /// Whether factors of an adapter have been added.
  var hasFactors: Bool {
    guard case .made(let transform, let inputs) = self else { return false }
    return transform is LowRankAddition || inputs.first?.hasFactors ?? false
  }
}
