/// The mean of a sample and how uncertain it is.
struct Mean: Hashable, Sendable {
  let value: Double
  /// sqrt((E[x²] - E[x]²) / (count - 1)); 0 for a single value.
  let standardError: Double

  init(_ sample: [Double]) {
    let count = Double(sample.count)
    guard count > 0 else {
      value = .nan
      standardError = .nan
      return
    }
    let mean = sample.reduce(0, +) / count
    // From the differences to the mean: the same number, without cancellation.
    let variance = sample.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / count
    value = mean
    standardError = count > 1 ? (variance / (count - 1)).squareRoot() : 0
  }
}
