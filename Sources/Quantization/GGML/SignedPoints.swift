// What the IQ2 and IQ3 types share: elements in groups of 32 are coordinates of a lattice's points, all positive, with a
// sign for each and a scale.
enum SignedPoints {
  static let groups = 0..<8

  /// The 32-bit word at `offset`.
  static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 { UInt32(littleEndian: bytes[offset..<offset + 4]) }

  /// The 16-bit word at `offset`.
  static func halfWord(_ bytes: [UInt8], _ offset: Int) -> Int {
    Int(UInt16(littleEndian: bytes[offset..<offset + 2]))
  }

  /// The signs of eight coordinates of which seven are stored: the number of minus signs is even.
  static func even(_ seven: UInt32) -> UInt8 {
    UInt8(seven) | (seven.nonzeroBitCount % 2 == 1 ? 0x80 : 0)
  }

  /// The values of one point: a set bit is a minus sign.
  static func values(_ point: [Float], signs: UInt8, scale: Float) -> [Float] {
    point.enumerated().map { scale * $1 * (signs >> UInt8($0) & 1 == 1 ? -1 : 1) }
  }
}
