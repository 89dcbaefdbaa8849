internal import Architectures
internal import Quantization
internal import Tensors

/// What becomes of the values of a weight.
public enum TensorCost: Hashable, Sendable, CustomStringConvertible {
  /// Its bytes are copied.
  case copied
  /// It is stored in another way, and no value changes.
  case repacked
  /// Values that were not quantized are rounded to the type.
  case encoded
  /// Values that were rounded before, to codes of so many bits, are rounded once more.
  case encodedAgain(bits: Int)
  /// Codes and scales are kept, and the last bit of what a whole tensor is multiplied with is rounded.
  case rescaled

  public var description: String {
    switch self {
    case .copied: "copied"
    case .repacked: "repacked (exact)"
    case .encoded: "encoded"
    case .encodedAgain(let bits): "encoded again (from \(bits) bits: adds error)"
    case .rescaled: "encoded again (codes kept: rounds the last bit of a scale)"
    }
  }

  /// Without numbers, for counting.
  public var kind: String {
    switch self {
    case .copied: "copied"
    case .repacked: "repacked"
    case .encoded: "encoded"
    case .encodedAgain, .rescaled: "encoded_again"
    }
  }

  /// Whether every value stays what it is.
  public var isExact: Bool { self == .copied || self == .repacked }
}

extension PlannedTensor {
  public var cost: TensorCost {
    switch action {
    case .copyRows, .copyStored: return .copied
    case .group(let output) where output.isExact: return .repacked
    case .group(let output) where output.isRepacked: return .rescaled
    case .group: return sourceBits.map { .encodedAgain(bits: $0) } ?? .encoded
    case .encode where isKeptByType: return .repacked
    case .encode: return sourceBits.map { .encodedAgain(bits: $0) } ?? .encoded
    }
  }
}

extension Derivation {
  /// Whether nothing but places of values changes.
  var keepsValues: Bool {
    switch self {
    case .source: true
    case .made(let transform, let inputs):
      (transform is any RowTransform || transform is Transposition || transform is GroupedColumns
        || transform is MergedColumns) && inputs.allSatisfy(\.keepsValues)
    }
  }
}
