// What ggml's simple block types share: 32 elements; a scale, and for some a minimum, in F16; codes of four bits, the
// first 16 in the low halves of 16 bytes and the other 16 in the high halves; a fifth bit of each in a 32-bit word.
enum GGMLBlock {
  static let elements = 32

  /// The F16 that stores `scale`.
  static func half(_ scale: Float) throws(CodecError) -> [UInt8] {
    guard let code = SmallFloat.f16.code(of: scale) else { throw .scaleOverflow(index: 0) }
    return code.littleEndianBytes
  }

  /// The F16 at the beginning of `bytes`.
  static func half(_ bytes: ArraySlice<UInt8>) -> Float {
    SmallFloat.f16.value(of: UInt16(littleEndian: bytes.prefix(2)))
  }

  /// The value of largest magnitude with its sign, the first of several.
  static func peak(of values: [Float]) -> Float {
    var peak: Float = 0
    for value in values where value.magnitude > peak.magnitude { peak = value }
    return peak
  }

  /// The values in runs of `count`.
  static func runs(of count: Int, _ values: [Float]) -> [[Float]] {
    stride(from: 0, to: values.count, by: count).map { Array(values[$0..<$0 + count]) }
  }

  /// The smallest and the largest value, the first of several.
  static func range(of values: [Float]) -> (minimum: Float, maximum: Float) {
    var (minimum, maximum) = (values[0], values[0])
    for value in values {
      if value < minimum { minimum = value }
      if value > maximum { maximum = value }
    }
    return (minimum, maximum)
  }

  /// What values are multiplied by: the reciprocal of the scale before it is rounded to F16.
  static func inverse(of scale: Float) -> Float { scale == 0 ? 0 : 1 / scale }

  /// The code of a multiplied value: truncated, at most `most`. A product that is not finite (the scale is so small
  /// that it has no reciprocal) becomes 0, as x86 converts it.
  static func truncated(_ value: Float, atMost most: Int) -> Int { value.isFinite ? min(most, Int(value)) : 0 }

  /// The lowest `bits` bits of several codes in one byte, the first in the lowest place.
  static func packed(_ codes: [Int], bits: Int) -> UInt8 {
    codes.reversed().reduce(0) { $0 << UInt8(bits) | UInt8($1 & (1 << bits - 1)) }
  }

  /// `count` of the codes, `step` apart.
  static func every(_ step: Int, of codes: [Int], from start: Int, count: Int) -> [Int] {
    (0..<count).map { codes[start + step * $0] }
  }

  static func packedHalves(_ codes: [Int]) -> [UInt8] {
    (0..<16).map { UInt8(codes[$0] & 15 | (codes[$0 + 16] & 15) << 4) }
  }

  static func unpackedHalves(_ bytes: ArraySlice<UInt8>) -> [Int] {
    bytes.map { Int($0 & 15) } + bytes.map { Int($0 >> 4) }
  }

  static func packedFifthBits(_ codes: [Int]) -> [UInt8] {
    var bits: UInt32 = 0
    for (index, code) in codes.enumerated() where code & 16 != 0 { bits |= 1 << UInt32(index) }
    return bits.littleEndianBytes
  }

  static func unpackedFifthBits(_ bytes: ArraySlice<UInt8>) -> [Int] {
    let bits = UInt32(littleEndian: bytes)
    return (0..<32).map { bits & 1 << UInt32($0) != 0 ? 16 : 0 }
  }
}
