/// Collects what is read here although another reader would refuse it. Bounded, since a file can have millions of such
/// places.
struct Remarks {
  private(set) var sentences: [String] = []
  private var counts: [Rule: Int] = [:]

  /// Keeps the first sentence of each rule.
  mutating func add(_ rule: Rule, _ sentence: @autoclosure () -> String) {
    if counts[rule] == nil { sentences.append("\(sentence()) (\(rule.name))") }
    counts[rule, default: 0] += 1
  }
}
