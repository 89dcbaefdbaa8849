internal import Quantization

/// A number of the whole tensor in the terms of another spelling.
struct KeptFactor {
  let factor: StoredNumbers.Factor
  /// Whether it gives the same scale for every stored one; otherwise its last bit was rounded.
  let isExact: Bool
}

// One spelling multiplies stored scales with a number of the whole tensor, another divides by one.
extension StoredNumbers.Factor {
  /// As something that is multiplied with; nil where no number is near.
  var multiplying: KeptFactor? {
    switch self {
    case .none: kept(as: .times(1))
    case .times: kept(as: self)
    case .dividedBy(let divisor): kept(as: .times(1 / divisor))
    }
  }

  /// As something that is divided by.
  var dividing: KeptFactor? {
    switch self {
    case .none: kept(as: .dividedBy(1))
    case .times(let factor): kept(as: .dividedBy(1 / factor))
    case .dividedBy: kept(as: self)
    }
  }

  /// As nothing at all; nil where it changes something.
  var absent: KeptFactor? { kept(as: .none).flatMap { $0.isExact ? $0 : nil } }

  /// Whether it changes nothing.
  var isOne: Bool { self == .none || self == .times(1) || self == .dividedBy(1) }

  private static let scales = (0..<127).map { SmallFloat.f8E4M3.value(of: $0) }

  private func kept(as other: StoredNumbers.Factor) -> KeptFactor? {
    guard other.number.isNormal else { return nil }
    var (mine, others) = (Self.scales, Self.scales)
    apply(to: &mine)
    other.apply(to: &others)
    return KeptFactor(factor: other, isExact: mine == others)
  }

  /// What it multiplies with or divides by.
  private var number: Float {
    switch self {
    case .none: 1
    case .times(let number), .dividedBy(let number): number
    }
  }
}
