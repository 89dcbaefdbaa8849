/// The sixteen levels of IQ4_NL and IQ4_XS, and ggml's search for a scale: `value = scale * level`.
///
/// Source: ggml `kvalues_iq4nl`, `quantize_row_iq4_nl_impl`.
enum LevelSearch {
  static let levels: [Float] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]

  /// The index of the level nearest to a quotient, of two equally near ones the upper one. Of what is not a number it is
  /// the last one.
  static func index(of quotient: Float) -> Int {
    (1..<levels.count).count { !(quotient < (levels[$0 - 1] + levels[$0]) / 2) }
  }

  /// The first try makes the value of largest magnitude 127; fifteen others make it -134, -133 ... -120. The one with the
  /// smallest weighted error is taken.
  static func scale(of values: [Float], weights: [Float]) -> Float {
    let peak = GGMLBlock.peak(of: values)
    guard !(peak.magnitude < GGMLBlock.negligible) else { return 0 }
    let first = weightedSums(values, weights, inverse: 1 / (peak / 127))
    var scale = first.ll > 0 ? first.xl / first.ll : 0
    var best = scale * first.xl
    for trial in -134...(-120) {
      let sums = weightedSums(values, weights, inverse: Float(trial) / peak)
      guard sums.ll > 0, sums.xl * sums.xl > best * sums.ll else { continue }
      scale = sums.xl / sums.ll
      best = scale * sums.xl
    }
    return scale
  }

  /// Two indices a byte: of 32 values, the first sixteen in the low halves.
  static func packedIndices(of values: [Float], inverse: Float) -> [UInt8] {
    GGMLBlock.packedHalves(values.map { index(of: inverse * $0) })
  }

  static func unpackedLevels(_ bytes: ArraySlice<UInt8>) -> [Float] {
    GGMLBlock.unpackedHalves(bytes).map { levels[$0] }
  }

  /// Weighted sums of value times level, and of level squared.
  private static func weightedSums(_ values: [Float], _ weights: [Float], inverse: Float) -> (xl: Float, ll: Float) {
    var sums: (xl: Float, ll: Float) = (0, 0)
    for (value, weight) in zip(values, weights) {
      let level = levels[index(of: inverse * value)]
      sums.xl += weight * level * value
      sums.ll += weight * level * level
    }
    return sums
  }
}
