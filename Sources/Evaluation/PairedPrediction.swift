/// What is kept of the two predictions at one place.
struct PairedPrediction: Hashable, Sendable {
  /// Negative log-likelihood of the right token before, in nats.
  let before: Double
  /// Negative log-likelihood of the right token after, in nats.
  let after: Double
  /// KL(before || after) in nats.
  let divergence: Double
  /// Whether both find the same token most likely.
  let agrees: Bool
}
