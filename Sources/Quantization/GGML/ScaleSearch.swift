/// ggml's search for the scale of numbers that are not negative: `value = scale * code`, codes from 0 to `most`.
///
/// Of nine scales around the one that gives the largest number the largest code, the one with the smallest weighted error
/// is taken. Then codes are moved one after another while that helps.
///
/// Source: ggml `make_qp_quants`.
struct ScaleSearch {
  let most: Int

  /// The codes are bytes, which ggml does not always clamp.
  func fit(_ values: [Float], weights: [Float]) -> (scale: Float, codes: [Int]) {
    var largest: Float = 0
    for value in values { largest = largest > value ? largest : value }
    guard !(largest < GGMLBlock.negligible) else { return (0, values.map { _ in 0 }) }

    var inverse = Float(most) / largest
    var leastError = error(values, weights, inverse: inverse) { $0 & 0xff }
    for offset in [-4, -3, -2, -1, 1, 2, 3, 4] {
      let trial = (0.1 * Float(offset) + Float(most)) / largest
      let error = error(values, weights, inverse: trial) { min(most, $0) }
      if error < leastError { (inverse, leastError) = (trial, error) }
    }

    var (sumXL, sumL2): (Float, Float) = (0, 0)
    var codes: [Int] = []
    for (value, weight) in zip(values, weights) {
      let code = min(most, GGMLBlock.nearest(inverse * value))
      codes.append(code & 0xff)
      sumXL += weight * value * Float(code)
      sumL2 += weight * Float(code) * Float(code)
    }
    for _ in 0..<5 {
      var hasMoved = false
      for (index, (value, weight)) in zip(values, weights).enumerated() {
        let code = Float(codes[index])
        let (otherXL, otherL2) = (sumXL - weight * value * code, sumL2 - weight * code * code)
        guard otherXL > 0, otherL2 > 0 else { continue }
        let moved = min(most, GGMLBlock.nearest(value * otherL2 / otherXL))
        guard moved != codes[index] else { continue }
        let newXL = otherXL + weight * value * Float(moved)
        let newL2 = otherL2 + weight * Float(moved) * Float(moved)
        guard newXL * newXL * sumL2 > sumXL * sumXL * newL2 else { continue }
        codes[index] = moved & 0xff
        (sumXL, sumL2) = (newXL, newL2)
        hasMoved = true
      }
      if !hasMoved { break }
    }
    return (sumL2 > 0 ? sumXL / sumL2 : 0, codes)
  }

  private func error(
    _ values: [Float], _ weights: [Float], inverse: Float, _ limited: (Int) -> Int
  ) -> Float {
    let scale = 1 / inverse
    var error: Float = 0
    for (value, weight) in zip(values, weights) {
      let difference = value - scale * Float(limited(GGMLBlock.nearest(inverse * value)))
      error += weight * difference * difference
    }
    return error
  }
}
