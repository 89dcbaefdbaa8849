internal import RealModule

/// How well a model predicts a text.
public struct Perplexity: Hashable, Sendable {
  /// exp of `nll`: among how many equally likely tokens the model in effect hesitates.
  public let perplexity: Double
  /// Uncertainty of `perplexity` from the finite text: that of the mean, times the perplexity.
  public let standardError: Double
  /// Mean negative log-likelihood of a scored token, in nats.
  public let nll: Double
  /// Scored tokens.
  public let tokens: Int
  /// Windows of the text.
  public let chunks: Int
  /// Tokens of a window.
  public let contextLength: Int
  /// What was measured at the scored places; nil where the model was run beside another.
  public let places: MeasuredPlaces?
  /// Negative log-likelihood of every scored token, in nats, in the order of the text; none for what was read from a
  /// report.
  var nlls: [Double] = []
}

extension Perplexity {
  /// - Parameter nlls: negative log-likelihood of every scored token, in nats.
  init(nlls: [Double], chunks: Int, contextLength: Int, places: MeasuredPlaces? = nil) {
    let mean = Mean(nlls)
    let perplexity = Double.exp(mean.value)
    self.init(
      perplexity: perplexity, standardError: mean.standardError * perplexity, nll: mean.value, tokens: nlls.count,
      chunks: chunks, contextLength: contextLength, places: places, nlls: nlls)
  }
}
