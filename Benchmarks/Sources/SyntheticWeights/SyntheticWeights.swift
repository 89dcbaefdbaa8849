/// Numbers about as weights are: near to normally distributed, and the same bits on every machine.
///
/// Value `index` depends on the seed and the index alone (SplitMix64 as a function of its counter), so that any part of
/// a tensor can be made on its own. It is the sum of twelve uniform 16-bit integers, less its mean, times one factor:
/// integer arithmetic and a single rounding.
public struct SyntheticWeights: Sendable {
  private let seed: UInt64
  private let factor: Float

  /// - Parameter deviation: the standard deviation.
  public init(seed: UInt64, deviation: Float = 0.02) {
    // The sum of twelve uniform numbers between 0 and 1 has variance 1.
    self.seed = Self.mixed(seed)
    factor = deviation / 65536
  }

  /// The value at `index`.
  @inline(__always)
  public func value(at index: Int) -> Float {
    let first = seed &+ UInt64(truncatingIfNeeded: index) &* 3 &* Self.step
    var sums: UInt64 = 0
    for draw in 0..<3 as Range<UInt64> {
      let bits = Self.mixed(first &+ draw &* Self.step)
      // Two sums of 16-bit numbers side by side; six numbers cannot carry from one into the other.
      sums &+= (bits & Self.evenPieces) &+ (bits >> 16 & Self.evenPieces)
    }
    let sum = Int32(truncatingIfNeeded: sums) &+ Int32(truncatingIfNeeded: sums >> 32)
    return Float(sum &- 6 * 65535) * factor
  }

  /// `count` values from `first` on.
  public func values(from first: Int = 0, count: Int) -> [Float] {
    (first..<first + count).map { value(at: $0) }
  }

  /// Fills `target` with the BF16 bits, in the byte order of files, of the values from `first` on.
  public func fillBFloat16(_ target: inout MutableSpan<UInt16>, from first: Int) {
    for index in 0..<target.count {
      target[index] = Self.bfloat16(value(at: first &+ index)).littleEndian
    }
  }

  /// The nearest BF16, ties to even, of a finite value.
  @inline(__always)
  private static func bfloat16(_ value: Float) -> UInt16 {
    let bits = value.bitPattern
    return UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
  }

  private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15
  private static let evenPieces: UInt64 = 0x0000_FFFF_0000_FFFF

  @inline(__always)
  private static func mixed(_ state: UInt64) -> UInt64 {
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
