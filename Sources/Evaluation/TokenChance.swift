internal import RealModule

/// A token and how likely a model finds it.
public struct TokenChance: Hashable, Sendable {
  public let token: Int32
  /// 0 to 1.
  public let probability: Double

  package init(token: Int32, probability: Double) {
    self.token = token
    self.probability = probability
  }

  /// How many of the most likely tokens are kept of a place.
  static let kept = 3

  /// The most likely tokens of a row of logits, the most likely first, of equals the one with the lower id.
  static func most(of logits: Span<Float>, _ softmax: RowKernels.LogSoftmax) -> [TokenChance] {
    var found: [Int] = []
    for index in logits.indices {
      guard found.count < kept || logits[index] > logits[found[kept - 1]] else { continue }
      let place = found.firstIndex { logits[index] > logits[$0] } ?? found.count
      found.insert(index, at: place)
      if found.count > kept { found.removeLast() }
    }
    return found.map { TokenChance(token: Int32($0), probability: .exp(-softmax.nll(of: logits[$0]))) }
  }
}
