/// Collects what is read here although another reader would refuse it. Bounded, since a file can have millions of such
/// places.
struct Remarks {
  private(set) var remarks: [Remark] = []
  private var counts: [Rule: Int] = [:]

  /// Keeps the first sentence of each rule.
  mutating func add(_ rule: Rule, _ sentence: @autoclosure () -> String) {
    if counts[rule] == nil { remarks.append(Remark(sentence: sentence(), rule: rule.name)) }
    counts[rule, default: 0] += 1
  }
}
