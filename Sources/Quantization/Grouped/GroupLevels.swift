/// What the codes of a group stand for before they are multiplied by its scale. A code is a byte.
public enum GroupLevels: Hashable, Sendable {
  /// Whole numbers from 0 to `2^bits - 1`.
  case integers(bits: Int)
  /// Whole numbers in two's complement.
  case signedBytes
  /// Floats of four bits: a sign, two exponent bits, one significand bit (OCP MX, E2M1).
  case e2m1
  /// Floats of a byte up to 448 without infinities (E4M3FN).
  case e4m3
  /// Floats of a byte with two significand bits and infinities (E5M2).
  case e5m2

  /// Bits of a code.
  public var bits: Int {
    switch self {
    case .integers(let bits): bits
    case .e2m1: 4
    case .signedBytes, .e4m3, .e5m2: 8
    }
  }

  /// The level of every code; nil where a code is its own level.
  var table: [Float]? {
    switch self {
    case .integers: nil
    case .signedBytes: Self.signedByteTable
    case .e2m1: Self.e2m1Table
    case .e4m3: Self.e4m3Table
    case .e5m2: Self.e5m2Table
    }
  }

  private static let signedByteTable = (0..<256).map { Float(Int8(truncatingIfNeeded: $0)) }
  private static let e2m1Table = (0..<256).map { code in
    let magnitude: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    return code & 8 == 0 ? magnitude[code & 7] : -magnitude[code & 7]
  }
  private static let e4m3Table = (0..<256).map { SmallFloat.f8E4M3.value(of: UInt16($0)) }
  private static let e5m2Table = (0..<256).map { SmallFloat.f8E5M2.value(of: UInt16($0)) }
}

/// What is done with the level of a code beside multiplying it by the scale.
public enum GroupOffset: Hashable, Sendable {
  /// `scale * level`.
  case none
  /// `scale * (level - offset)`.
  case zero
  /// `scale * level + offset`.
  case bias
}
