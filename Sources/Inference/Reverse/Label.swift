/// Which token a loss is the negative log-likelihood of.
enum Label: Hashable, Sendable {
  case token(Int)
  /// The first token up to which the model's own probabilities are more than this number, which is at least 0 and less
  /// than 1: a sample of what the model predicts, for a number by chance.
  case drawn(Double)
}
