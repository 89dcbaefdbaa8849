// What MXFP4 and NVFP4 share: elements are floats of four bits (E2M1: a sign, two bits of exponent, one of significand)
// times a scale.
enum FourBitFloat {
  /// Twice the value of each code, so that they are whole; they go with half a scale. The code of -0 is +0.
  private static let doubled: [Float] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12]

  /// The code of the value nearest to `value`, the first of several. Where `value` is so large that its distances to
  /// all of them are the same Float, that is the first of all.
  static func code(of value: Float, halfScale: Float) -> UInt8 {
    var (best, least) = (0, Float.infinity)
    for (code, doubled) in doubled.enumerated() {
      let distance = (doubled * halfScale - value).magnitude
      if distance < least { (best, least) = (code, distance) }
    }
    return UInt8(best)
  }

  /// The codes of `values`, two a byte, the first half of them in the low halves.
  static func pack(_ values: ArraySlice<Float>, halfScale: Float) -> [UInt8] {
    let codes = values.map { code(of: $0, halfScale: halfScale) }
    let half = codes.count / 2
    return (0..<half).map { codes[$0] | codes[$0 + half] << 4 }
  }

  static func unpack(_ bytes: ArraySlice<UInt8>, halfScale: Float) -> [Float] {
    let codes = bytes.map { $0 & 15 } + bytes.map { $0 >> 4 }
    return codes.map { doubled[Int($0)] * halfScale }
  }

  /// The values that codes stand for, in ascending order.
  static let levels = doubled.indices.filter { $0 != 8 }.map { doubled[$0] / 2 }.sorted()

  /// The code of each of them.
  private static let codeOfLevel = doubled.indices.filter { $0 != 8 }.sorted { doubled[$0] < doubled[$1] }

  static func code(ofLevel level: Int) -> UInt8 { UInt8(codeOfLevel[level]) }

  /// The codes of numbers of levels, as `pack` stores them.
  static func pack(levels: [Int]) -> [UInt8] {
    let half = levels.count / 2
    return (0..<half).map { UInt8(codeOfLevel[levels[$0]] | codeOfLevel[levels[$0 + half]] << 4) }
  }
}
