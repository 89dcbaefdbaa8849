/// ggml's search for a scale and a minimum that is not positive: `value = scale * code + minimum`, codes from 0 to
/// `most`.
///
/// The first try spreads the codes over the range of the values. Each trial divides the range into `most + first`,
/// `most + first + step`, ... steps, and takes the scale and minimum of least squares for the codes that gives. The trial
/// with the smallest weighted error wins; trials after it start at its minimum.
///
/// Source: ggml `make_qkx2_quants`, `make_qkx3_quants`.
struct AffineSearch {
  let most: Int
  let first: Float
  let step: Float
  let trials: Int
  /// Whether the error is the sum of magnitudes of differences, not of their squares.
  var takesMagnitudes = false

  /// The search where importance is known, the same for all types.
  static func weighted(most: Int) -> AffineSearch { AffineSearch(most: most, first: -0.9, step: 0.05, trials: 37) }

  struct Fit {
    var scale: Float
    var minimum: Float
    var codes: [Int]
  }

  func fit(_ values: [Float], weights: [Float]) -> Fit {
    let (low, high) = GGMLBlock.range(of: values)
    var best = Fit(scale: 0, minimum: low > 0 ? 0 : low, codes: values.map { _ in 0 })
    guard high != best.minimum else { return best }
    let inverse = Float(most) / (high - best.minimum)
    best.scale = 1 / inverse
    best.codes = codes(of: values, minimum: best.minimum, inverse: inverse)
    var leastError = error(of: best, values, weights)

    for trial in 0..<trials {
      let inverse = (first + step * Float(trial) + Float(most)) / (high - best.minimum)
      let codes = codes(of: values, minimum: best.minimum, inverse: inverse)
      guard let fit = leastSquares(codes, values, weights) else { continue }
      let error = error(of: fit, values, weights)
      if error < leastError { (best, leastError) = (fit, error) }
    }
    return best
  }

  private func codes(of values: [Float], minimum: Float, inverse: Float) -> [Int] {
    values.map { GGMLBlock.clamped(GGMLBlock.nearest(inverse * ($0 - minimum)), atMost: most) }
  }

  /// The scale and minimum with the smallest sum of weighted squares; nil where all codes are the same.
  private func leastSquares(_ codes: [Int], _ values: [Float], _ weights: [Float]) -> Fit? {
    // The first term begins the sum of weights, not a zero: the sign of a zero would be lost.
    var (sumW, sumX) = (weights[0], weights[0] * values[0])
    for (value, weight) in zip(values, weights).dropFirst() {
      sumW += weight
      sumX += weight * value
    }
    var (sumL, sumL2, sumXL): (Float, Float, Float) = (0, 0, 0)
    for (code, (value, weight)) in zip(codes.map { Float($0) }, zip(values, weights)) {
      sumL += weight * code
      sumL2 += weight * code * code
      sumXL += weight * code * value
    }
    let determinant = sumW * sumL2 - sumL * sumL
    guard determinant > 0 else { return nil }
    let minimum = (sumL2 * sumX - sumL * sumXL) / determinant
    guard !(minimum > 0) else { return Fit(scale: sumXL / sumL2, minimum: 0, codes: codes) }
    return Fit(scale: (sumW * sumXL - sumX * sumL) / determinant, minimum: minimum, codes: codes)
  }

  private func error(of fit: Fit, _ values: [Float], _ weights: [Float]) -> Float {
    var error: Float = 0
    for (code, (value, weight)) in zip(fit.codes, zip(values, weights)) {
      let difference = fit.scale * Float(code) + fit.minimum - value
      error += weight * (takesMagnitudes ? difference.magnitude : difference * difference)
    }
    return error
  }
}
