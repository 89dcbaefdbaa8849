/// A floating-point format of at most 16 bits: a sign, then `exponentBits`, then `significandBits`.
public struct SmallFloat: Hashable, Sendable {
  public let exponentBits: Int
  public let significandBits: Int
  /// Whether the largest exponent is kept for infinities and NaNs, as in IEEE 754. Where it is not, only the very
  /// largest code is a NaN.
  public let hasInfinities: Bool

  /// IEEE half precision.
  public static let f16 = SmallFloat(exponentBits: 5, significandBits: 10, hasInfinities: true)
  /// The upper half of a Float.
  public static let bf16 = SmallFloat(exponentBits: 8, significandBits: 7, hasInfinities: true)
  /// Up to 448, no infinities (E4M3FN).
  public static let f8E4M3 = SmallFloat(exponentBits: 4, significandBits: 3, hasInfinities: false)
  /// Up to 57,344.
  public static let f8E5M2 = SmallFloat(exponentBits: 5, significandBits: 2, hasInfinities: true)

  /// The exponent of the smallest normal value. Subnormal values have it too, without the leading one.
  private var smallestExponent: Int { 2 - (1 << (exponentBits - 1)) }
  private var signBit: UInt16 { 1 << UInt16(exponentBits + significandBits) }

  /// The code of the largest finite value.
  private var largest: UInt16 {
    hasInfinities ? signBit - (1 << UInt16(significandBits)) - 1 : signBit - 2
  }

  /// The code of the value nearest to `value`, of two equally near ones the even one; nil where that would not be
  /// finite.
  public func code(of value: Float) -> UInt16? {
    guard value.isFinite else { return nil }
    let sign = value.sign == .minus ? signBit : 0
    guard value != 0 else { return sign }
    // In units of the last place, which is the same for all subnormal values and those just above.
    let exponent = max(Int(value.exponent), smallestExponent)
    let units = Float(sign: .plus, exponent: significandBits - exponent, significand: value.magnitude)
      .rounded(.toNearestOrEven)
    // The leading one of a normal value adds one to the exponent's field, and so does rounding up to a power of two.
    let code = (exponent - smallestExponent) << significandBits + Int(units)
    return code <= Int(largest) ? sign | UInt16(code) : nil
  }

  /// The value of `code`. NaNs keep their payload.
  public func value(of code: UInt16) -> Float {
    let isNegative = code & signBit != 0
    let magnitude = code & (signBit - 1)
    let field = Int(magnitude >> UInt16(significandBits))
    let fraction = magnitude & (1 << UInt16(significandBits) - 1)
    if magnitude > largest {
      let payload = hasInfinities ? UInt32(fraction) << UInt32(23 - significandBits) : 0x40_0000
      return Float(bitPattern: (isNegative ? 0x8000_0000 : 0) | 0x7f80_0000 | payload)
    }
    let units = field == 0 ? Float(fraction) : Float(fraction + 1 << UInt16(significandBits))
    let exponent = smallestExponent + max(field - 1, 0) - significandBits
    return Float(sign: isNegative ? .minus : .plus, exponent: exponent, significand: units)
  }
}
