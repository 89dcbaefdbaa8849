/// A sum of squares of activations as a whole number of units of 2^-72. So it is the same in whatever order, and in however
/// many parts, a text is read.
public struct SquareSum: Hashable, Sendable {
  /// How many units; not negative.
  public let units: Int128

  /// Units in 1, a power of two.
  public static let scale = 0x1p72

  public static let zero = SquareSum(units: 0)

  /// - Returns: nil for a number below zero.
  public init?(_ units: Int128) {
    guard units >= 0 else { return nil }
    self.units = units
  }

  private init(units: Int128) { self.units = units }

  /// Both together.
  /// - Returns: nil where that is beyond 127 bits.
  public func adding(_ other: SquareSum) -> SquareSum? {
    let (sum, overflows) = units.addingReportingOverflow(other.units)
    return overflows ? nil : SquareSum(units: sum)
  }

  /// The sum as a number, about.
  public var value: Double { Double(units) / Self.scale }

  /// The sum in F32, rounded once: to nearest, ties to even. It is always finite.
  public var rounded: Float {
    // The standard library's way from 128 bits is slow. Below 64 bits of which the last says whether any follow, nothing
    // else counts for 24.
    let shift = max(0, 64 - units.leadingZeroBitCount)
    let upper = UInt64(truncatingIfNeeded: units >> shift)
    let isExact = units & ((1 << shift) - 1) == 0
    return Float(isExact ? upper : upper | 1) * Float(sign: .plus, exponent: shift, significand: 1) / Float(Self.scale)
  }
}
