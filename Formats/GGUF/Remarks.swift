internal import Bytes

/// Collects what is read here although another reader would refuse it. Bounded, since a file can have millions of such
/// places.
struct Remarks {
  private(set) var remarks: [Remark] = []
  private var counts: [GGUFRule: Int] = [:]

  /// Keeps the first sentence of each rule.
  mutating func add(_ rule: GGUFRule, _ sentence: @autoclosure () -> String) {
    if counts[rule] == nil { remarks.append(Remark(sentence: sentence(), rule: rule.citation)) }
    counts[rule, default: 0] += 1
  }
}
