internal import Architectures
internal import Bytes
internal import Tensors

/// A tensor of an output before it is decided what it is stored as: how it comes about, and how it would without adapters.
struct PlannedOutput {
  let name: String
  /// Its name before layers are left out.
  let originalName: String
  let derivation: Derivation
  let unmerged: Derivation
  let rows: DerivedTensor
  /// The weight behind it, the first of them where there are several; nil for what is computed.
  let source: (any StoredWeight)?
  /// Whether the model computes with numbers beyond the range of F16.
  let needsWideRange: Bool

  /// What the recipe wants stays what it is in the source's own container.
  var isSourceItself: Bool { if case .source = derivation { true } else { false } }
}
