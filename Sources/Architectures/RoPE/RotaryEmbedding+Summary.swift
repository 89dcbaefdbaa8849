internal import Bytes

extension RotaryEmbedding {
  /// In a few words, for people.
  var summary: String {
    let base = "theta \(theta.shortest)"
    switch scaling {
    case .none: return base
    case .linear(let factor): return "\(base), linear scaling by \(factor)"
    case .llama3(let factor, _, _, _): return "\(base), llama3 scaling by \(factor)"
    case .dynamic(let factor, _): return "\(base), dynamic scaling by \(factor)"
    case .yarn(let yarn): return "\(base), yarn scaling by \(yarn.factor) from \(yarn.originalContextLength)"
    case .longRope(let longRope): return "\(base), longrope scaling from \(longRope.originalContextLength)"
    case .proportional(let factor, let share): return "\(base), \(share) of each head, scaling by \(factor)"
    case .divisors: return "\(base), with factors of its own"
    case .notUnderstood(let error):
      return "not understood: \(error.subject.map { $0 + " " } ?? "")\(error.message)"
    }
  }
}
