// What the ternary types share: 256 elements are -1, 0 or 1 times their largest magnitude.
enum Ternary {
  static let elements = 256

  /// The scale before it is rounded to F16, and the codes 0, 1 and 2.
  static func codes(of values: [Float]) -> (scale: Float, codes: [Int]) {
    let scale = GGMLBlock.peak(of: values).magnitude
    let inverse = GGMLBlock.inverse(of: scale)
    return (scale, values.map { 1 + rounded($0 * inverse) })
  }

  static func value(of code: Int, scale: Float) -> Float { Float(code - 1) * scale }

  /// Rounded to nearest, half away from zero. What is not finite (the scale is so small that it has no reciprocal)
  /// becomes 0, as x86 converts it.
  private static func rounded(_ value: Float) -> Int {
    value.isFinite ? Int(value.rounded(.toNearestOrAwayFromZero)) : 0
  }
}
