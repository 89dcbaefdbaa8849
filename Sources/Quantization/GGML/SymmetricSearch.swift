/// ggml's search for the scale of numbers of both signs: `value = scale * (code - limit)`, codes from 0 to
/// `2 * limit - 1`.
///
/// Source: ggml `make_qx_quants`, `make_q3_quants`.
struct SymmetricSearch {
  let limit: Int

  struct Fit {
    var scale: Float
    var codes: [Int]
  }

  /// The plain scale gives the value of largest magnitude the lowest code. Of that and eighteen others, which make that
  /// value up to nine tenths of a code more or less, the one with the smallest weighted error is taken.
  ///
  /// The codes of values that are taken for zero are 0, which no scale of theirs makes anything of.
  func fit(_ values: [Float], weights: [Float]) -> Fit {
    let peak = GGMLBlock.peak(of: values)
    guard !(peak.magnitude < GGMLBlock.negligible) else { return Fit(scale: 0, codes: values.map { _ in 0 }) }

    var inverse = Float(-limit) / peak
    let plain = weightedSums(values, weights, inverse: inverse)
    var scale = plain.ll != 0 ? plain.xl / plain.ll : 0
    var best = scale * plain.xl
    for tenths in -9...9 where tenths != 0 {
      let trial = -(Float(limit) + 0.1 * Float(tenths)) / peak
      let sums = weightedSums(values, weights, inverse: trial)
      guard sums.ll > 0, sums.xl * sums.xl > best * sums.ll else { continue }
      inverse = trial
      scale = sums.xl / sums.ll
      best = scale * sums.xl
    }
    return Fit(scale: scale, codes: values.map { limit + code(of: inverse * $0) })
  }

  /// Starts from the plain scale, and moves codes one after another to where they are best given the others, as long as
  /// that helps and up to five times around. Weights are squares of values.
  func refinedFit(_ values: [Float]) -> Fit {
    let peak = GGMLBlock.peak(of: values)
    guard !(peak.magnitude < GGMLBlock.negligible) else { return Fit(scale: 0, codes: values.map { _ in 0 }) }

    let inverse = Float(-limit) / peak
    var codes = values.map { Float(code(of: inverse * $0)) }
    var sums = weightedSums(values, values.map { $0 * $0 }, inverse: inverse)
    for _ in 0..<5 {
      var hasMoved = false
      for (index, value) in values.enumerated() {
        let weight = value * value
        let others = (
          xl: sums.xl - weight * value * codes[index], ll: sums.ll - weight * codes[index] * codes[index]
        )
        guard others.xl > 0 else { continue }
        let moved = Float(code(of: value * others.ll / others.xl))
        guard moved != codes[index] else { continue }
        let new = (xl: others.xl + weight * value * moved, ll: others.ll + weight * moved * moved)
        guard new.ll > 0, new.xl * new.xl * sums.ll > sums.xl * sums.xl * new.ll else { continue }
        codes[index] = moved
        sums = new
        hasMoved = true
      }
      if !hasMoved { break }
    }
    return Fit(scale: sums.ll > 0 ? sums.xl / sums.ll : 0, codes: codes.map { limit + Int($0) })
  }

  /// The codes for the scale as it is stored. Where that was rounded to zero they stay what the search found.
  func codes(of values: [Float], scale: Float, found fit: Fit) -> [Int] {
    scale == 0 ? fit.codes : values.map { limit + code(of: $0 / scale) }
  }

  /// The signed code of a quotient.
  private func code(of quotient: Float) -> Int { max(-limit, min(limit - 1, GGMLBlock.nearest(quotient))) }

  /// Weighted sums of value times code, and of code squared.
  private func weightedSums(_ values: [Float], _ weights: [Float], inverse: Float) -> (xl: Float, ll: Float) {
    var sums: (xl: Float, ll: Float) = (0, 0)
    for (value, weight) in zip(values, weights) {
      let code = Float(code(of: inverse * value))
      sums.xl += weight * value * code
      sums.ll += weight * code * code
    }
    return sums
  }
}
