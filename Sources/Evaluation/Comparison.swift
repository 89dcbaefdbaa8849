internal import RealModule

/// Two models over the same text, token by token: what a change of the weights did to the predictions.
public struct Comparison: Hashable, Sendable {
  public let before: Perplexity
  public let after: Perplexity
  /// Kullback-Leibler divergence of the predictions after from those before, in nats.
  public let divergence: Divergence
  /// Share of the scored places where both models find the same token most likely, 0 to 1.
  public let topAgreement: Double
  /// Perplexity after less that before.
  public let delta: Estimate
  /// Perplexity after divided by that before.
  public let ratio: Estimate
  /// How the divergence is distributed, and where it is greatest, the model before first; nil for what was read from a
  /// report, which has that in its own words.
  public let places: MeasuredPlaces?
  /// Root mean square of the change of the right token's probability, 0 to 1.
  public let probabilityChange: Double
  /// What both predicted at each scored place, in the order of the text; none for what was read from a report.
  let predictions: [PairedPrediction]

  init(
    before: Perplexity, after: Perplexity, divergence: Divergence, topAgreement: Double, delta: Estimate,
    ratio: Estimate, places: MeasuredPlaces?, probabilityChange: Double, predictions: [PairedPrediction] = []
  ) {
    self.before = before
    self.after = after
    self.divergence = divergence
    self.topAgreement = topAgreement
    self.delta = delta
    self.ratio = ratio
    self.places = places
    self.probabilityChange = probabilityChange
    self.predictions = predictions
  }

  /// A number with its uncertainty.
  public struct Estimate: Hashable, Sendable {
    public let value: Double
    /// One standard deviation, with what both models have in common taken out.
    public let standardError: Double
  }

  /// How a divergence is distributed over the scored places, in nats. Percentiles are interpolated linearly between
  /// the two nearest values.
  public struct Divergence: Hashable, Sendable {
    public let mean: Double
    public let standardError: Double
    public let median: Double
    public let p90: Double
    public let p95: Double
    public let p99: Double
    /// 99.9 %.
    public let p999: Double
    public let maximum: Double
  }
}

extension Comparison.Divergence {
  init(_ sample: [Double]) {
    let estimate = Mean(sample)
    let percentiles = Percentiles(sample)
    self.init(
      mean: estimate.value, standardError: estimate.standardError, median: percentiles[50], p90: percentiles[90],
      p95: percentiles[95], p99: percentiles[99], p999: percentiles[99.9], maximum: percentiles[100])
  }
}

extension Comparison {
  /// - Parameters:
  ///   - predictions: at all scored places, in the order of the text.
  ///   - places: where the divergence is greatest, where that is known.
  init(_ predictions: [PairedPrediction], chunks: Int, contextLength: Int, places: MeasuredPlaces? = nil) {
    let divergences = predictions.map(\.divergence)
    let count = Double(predictions.count)
    let changes = predictions.map { Double.exp(-$0.after) - Double.exp(-$0.before) }
    // The variance of a difference is the sum of the variances less twice the covariance: taken from the differences
    // themselves, it is exactly 0 for equal models.
    let logRatio = Mean(predictions.map { $0.after - $0.before })
    let change = Double.exp(logRatio.value)
    func perplexity(_ nlls: [Double]) -> Perplexity {
      Perplexity(nlls: nlls, chunks: chunks, contextLength: contextLength)
    }
    let (before, after) = (perplexity(predictions.map(\.before)), perplexity(predictions.map(\.after)))
    // exp(mean) moves by its own value times what the mean moves by.
    let (scaleBefore, scaleAfter) = (before.perplexity, after.perplexity)
    self.init(
      before: before, after: after, divergence: Divergence(divergences),
      topAgreement: Double(predictions.count { $0.agrees }) / count,
      delta: Estimate(
        value: scaleAfter - scaleBefore,
        standardError: Mean(predictions.map { scaleAfter * $0.after - scaleBefore * $0.before }).standardError),
      ratio: Estimate(value: change, standardError: change * logRatio.standardError),
      places: places, probabilityChange: (changes.reduce(0) { $0 + $1 * $1 } / count).squareRoot(),
      predictions: predictions)
  }
}
