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

  /// Whether the weight is stored `[in, out]`, and `[out, in]` where it is quantized by blocks.
  let isStoredTransposed: Bool

  /// Whether it is a weight as it is stored, which can stay so in the source's own container.
  var isSourceItself: Bool {
    let isOtherWayRound = isStoredTransposed && source is any LaidOutWeight
    return if case .source = isOtherWayRound ? derivation.applying(Transposition()) : derivation { true } else { false }
  }
}
