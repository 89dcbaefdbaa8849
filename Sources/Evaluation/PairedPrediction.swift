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

extension PairedPrediction {
  static let numberCount = 4

  /// All of it as numbers, for a record.
  var numbers: [Double] { [before, after, divergence, agrees ? 1 : 0] }

  /// The places that such numbers say.
  static func places(_ numbers: [Double]) -> [PairedPrediction] {
    stride(from: 0, to: numbers.count / numberCount * numberCount, by: numberCount).map {
      PairedPrediction(
        before: numbers[$0], after: numbers[$0 + 1], divergence: numbers[$0 + 2], agrees: numbers[$0 + 3] != 0)
    }
  }
}
