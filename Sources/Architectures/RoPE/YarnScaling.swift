internal import RealModule

/// YaRN: pairs that turn often within the original context keep their frequency, those that turn seldom have it divided
/// by a factor, with a ramp between.
public struct YarnScaling: Hashable, Sendable {
  public var factor: Float
  public var originalContextLength: Int
  /// Turns within the original context from which on a frequency is kept.
  public var betaFast: Float
  /// Turns within the original context up to which a frequency is divided.
  public var betaSlow: Float
  /// Whether the ramp begins and ends at whole pairs.
  public var truncates: Bool

  public init(
    factor: Float, originalContextLength: Int, betaFast: Float = 32, betaSlow: Float = 1, truncates: Bool = true
  ) {
    self.factor = factor
    self.originalContextLength = originalContextLength
    self.betaFast = betaFast
    self.betaSlow = betaSlow
    self.truncates = truncates
  }

  /// What cosines and sines are multiplied by where nothing else is said.
  public var usualAttentionFactor: Float { Float(Self.magnitude(factor: Double(factor), scale: 1)) }

  /// `0.1 scale ln(factor) + 1`, and 1 for a factor up to 1.
  static func magnitude(factor: Double, scale: Double) -> Double {
    factor <= 1 ? 1 : 0.1 * scale * Double.log(factor) + 1
  }

  /// Where the ramp begins and ends, in pairs.
  private func ramp(theta: Float, dimension: Int) -> (first: Double, last: Double) {
    func pair(turning turns: Float) -> Double {
      Double(dimension) * Double.log(Double(originalContextLength) / (Double(turns) * 2 * Double.pi))
        / (2 * Double.log(Double(theta)))
    }
    let (first, last) = (pair(turning: betaFast), pair(turning: betaSlow))
    return (
      max(truncates ? first.rounded(.down) : first, 0),
      min(truncates ? last.rounded(.up) : last, Double(dimension - 1))
    )
  }

  /// For each pair of elements, what its frequency is divided by.
  func frequencyDivisors(theta: Float, dimension: Int) -> [Float] {
    let (first, last) = ramp(theta: theta, dimension: dimension)
    // transformers keeps away from a division by 0 like this.
    let width = Float(first == last ? 0.001 : last - first)
    return (0..<dimension / 2).map { pair in
      let divided = min(max((Float(pair) - Float(first)) / width, 0), 1)
      return 1 / (divided / factor + (1 - divided))
    }
  }

  /// Whether llama.cpp's llama architecture, which is told factor and context alone, gives the same divisors.
  func isLlamaCppsOwn(theta: Float, dimension: Int) -> Bool {
    guard betaFast == 32, betaSlow == 1, truncates else { return false }
    let (first, last) = ramp(theta: theta, dimension: dimension)
    return first <= last
  }
}
