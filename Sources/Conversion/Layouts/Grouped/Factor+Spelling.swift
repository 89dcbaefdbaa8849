internal import Quantization

// One spelling multiplies stored scales with a number of the whole tensor, another divides by one: each stands for the other
// where that gives the same scale for every stored one.
extension StoredNumbers.Factor {
  /// As something that is multiplied with; nil where no number does it.
  var multiplying: StoredNumbers.Factor? {
    switch self {
    case .none: .times(1)
    case .times: self
    case .dividedBy(let divisor): same(as: .times(1 / divisor))
    }
  }

  /// As something that is divided by.
  var dividing: StoredNumbers.Factor? {
    switch self {
    case .none: .dividedBy(1)
    case .times(let factor): same(as: .dividedBy(1 / factor))
    case .dividedBy: self
    }
  }

  /// As nothing at all.
  var absent: StoredNumbers.Factor? { same(as: .none) }

  /// Whether it changes nothing.
  var isOne: Bool { self == .none || self == .times(1) || self == .dividedBy(1) }

  private static let scales = (0..<127).map { SmallFloat.f8E4M3.value(of: $0) }

  private func same(as other: StoredNumbers.Factor) -> StoredNumbers.Factor? {
    var (mine, others) = (Self.scales, Self.scales)
    apply(to: &mine)
    other.apply(to: &others)
    return mine == others ? other : nil
  }
}
