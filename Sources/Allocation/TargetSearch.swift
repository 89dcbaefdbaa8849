public import Bytes
public import Conversion
internal import Quantization
internal import RealModule

/// What an output has to keep to.
public enum SizeTarget: Hashable, Sendable {
  /// Bytes of its files of weights, at most.
  case byteCount(Int)
  /// Bits of its weights, scales included, for each of them, at most.
  case bitsPerWeight(Double)
  /// The rise of the divergence of the predictions, in nats a token, at most; the fewest bytes are wanted.
  case divergence(Double)
}

/// Chooses a type for each tensor, so that an output keeps to a target and is the best that does.
public struct TargetSearch: Sendable {
  /// Types that were chosen.
  public struct Candidate: Sendable {
    /// What made it: `chosen`, `trial 1`, or the name of a mix.
    public let name: String
    public let table: TypeTable
    public let byteCount: Int
    public let bitsPerWeight: Double
    /// By the damages of its types; nil for types that are not among those that were surveyed.
    public let estimate: Double?
    /// By its predictions; nil where that was not measured.
    public internal(set) var measured: Double?
  }

  /// What was found.
  public struct Outcome: Sendable {
    /// The best one.
    public let best: Candidate
    /// All that were tried, in the order in which they were.
    public let candidates: [Candidate]
    public let tensors: [TensorOptions]
  }

  /// What a search tells while it runs.
  public enum Event: Sendable {
    case survey(TypeSurvey.Event)
    /// A whole output is measured.
    case measuring(Candidate)
  }

  /// Whole outputs that are measured for a damage, at most.
  private static let mostTrials = 8
  /// How near to a damage is near enough.
  private static let nearEnough = 0.95

  private let target: SizeTarget
  private let trial: TrialOutputs
  private let survey: TypeSurvey
  private let mixes: [(name: String, plan: Plan)]
  /// The smallest and the largest output.
  private let ends: (smallest: Plan, largest: Plan)
  /// Bytes of the smallest output beside the tensors that have a choice.
  private let fixed: (files: Int, tensors: Int)

  /// - Parameters:
  ///   - types: rules that give each tensor one type as far as that can be, by the names of the types.
  ///   - mixes: rules that the best under a size is held against; those that cannot be planned are left out.
  /// - Throws: `FileError` when a plan cannot be made, no tensor has a choice, or the target is out of reach.
  public init(
    _ target: SizeTarget, types: [(name: String, rule: Recipe.Rule)], mixes: [(name: String, rule: Recipe.Rule)],
    _ trial: TrialOutputs
  ) throws(FileError) {
    self.target = target
    self.trial = trial
    var plans: [Plan] = []
    for type in types { plans.append(try trial.plan(type.rule)) }
    survey = TypeSurvey(plans, trial)
    let names = types.map(\.name).joined(separator: ", ")
    guard survey.hasChoice else {
      throw FileError(
        .unsupported, path: trial.checkpoint.path,
        "has no tensor that these types give a choice: \(names)")
    }
    // Those that have only types that are allowed.
    self.mixes = mixes.compactMap { [survey] mix in
      (try? trial.wholePlan(mix.rule)).flatMap { survey.allows($0) ? (mix.name, $0) : nil }
    }
    let (smallest, largest) = (survey.extreme(<), survey.extreme(>))
    ends = (
      try trial.wholePlan(.table(survey.completed(smallest.table))),
      try trial.wholePlan(.table(survey.completed(largest.table)))
    )
    fixed = (
      ends.smallest.byteCount - smallest.byteCount, ends.smallest.tensorByteCount - smallest.byteCount
    )
    guard isWithin(ends.smallest.byteCount, ends.smallest.bitsPerWeight) else {
      throw FileError(
        .unsupported, path: trial.checkpoint.path,
        "is no smaller than \(ends.smallest.byteCount) bytes, \(Self.roundedUp(ends.smallest.bitsPerWeight)) bits a weight, with the types that are allowed: \(names)"
      )
    }
  }

  /// Bytes of the smallest and of the largest output that the types allow.
  public var byteCounts: ClosedRange<Int> {
    ends.smallest.byteCount...max(ends.smallest.byteCount, ends.largest.byteCount)
  }

  /// Bytes that the tensors with a choice may take; nil for a damage.
  private var budget: Int? {
    switch target {
    case .byteCount(let bytes): bytes - fixed.files
    case .bitsPerWeight(let bits):
      // More than all bytes there are is as good as those.
      Int(min(bits / 8 * Double(ends.smallest.parameterCount), 0x1p62).rounded(.down)) - fixed.tensors
    case .divergence: nil
    }
  }

  private static func roundedUp(_ bits: Double) -> Double { (bits * 100).rounded(.up) / 100 }

  /// Surveys, chooses and measures.
  /// - Throws: `FileError` when nothing keeps to the target; what pouring and measuring throw; `CancellationError`.
  public func run(_ event: (Event) -> Void) async throws -> Outcome {
    let largest = candidate(TypeTable(of: ends.largest), ends.largest, name: "largest", estimate: nil)
    guard let budget else {
      guard case .divergence(let limit) = target else { preconditionFailure("every other target is a size") }
      return try await smallest(losing: limit, largest, event)
    }
    // Where everything fits there is nothing to choose.
    if isWithin(ends.largest.byteCount, ends.largest.bitsPerWeight) {
      let measured = try await measure(largest, event)
      return Outcome(best: measured, candidates: [measured], tensors: [])
    }
    return try await best(within: budget, try await survey.run { event(.survey($0)) }, event)
  }

  private func candidate(_ table: TypeTable, _ plan: Plan, name: String, estimate: Double?) -> Candidate {
    Candidate(
      name: name, table: table, byteCount: plan.byteCount, bitsPerWeight: plan.bitsPerWeight, estimate: estimate)
  }

  private func candidate(
    _ allocation: Allocation, _ tensors: [TensorOptions], name: String = "chosen"
  ) throws(FileError) -> Candidate {
    let table = survey.completed(allocation.table(of: tensors))
    return candidate(table, try trial.wholePlan(.table(table)), name: name, estimate: allocation.damage)
  }

  private func measure(_ candidate: Candidate, _ event: (Event) -> Void) async throws -> Candidate {
    guard trial.canMeasure else { return candidate }
    event(.measuring(candidate))
    var measured = candidate
    measured.measured = try await trial.with(candidate.table) { output in try await trial.divergence(of: output) }
    return measured
  }

  // MARK: - Sizes

  private func isWithin(_ byteCount: Int, _ bitsPerWeight: Double) -> Bool {
    switch target {
    case .byteCount(let bytes): byteCount <= bytes
    case .bitsPerWeight(let bits): bitsPerWeight <= bits
    case .divergence: true
    }
  }

  private func best(
    within budget: Int, _ tensors: [TensorOptions], _ event: (Event) -> Void
  ) async throws -> Outcome {
    let allocator = Allocator(tensors)
    var budget = budget
    var chosen: Candidate?
    // Headers say what types tensors have, and what they take is known when types are.
    while let allocation = allocator.allocation(within: budget) {
      let own = try candidate(allocation, tensors)
      if isWithin(own.byteCount, own.bitsPerWeight) {
        chosen = own
        break
      }
      var excess = 1
      if case .byteCount(let bytes) = target { excess = max(1, own.byteCount - bytes) }
      budget = min(budget, allocation.byteCount) - excess
    }
    guard let chosen else {
      throw FileError(
        .unsupported, path: trial.checkpoint.path, "does not become so small with the types that are allowed")
    }
    var candidates = [try await measure(chosen, event)]
    // The largest mix that is no larger: what a person would have taken.
    let fitting = mixes.filter { isWithin($0.plan.byteCount, $0.plan.bitsPerWeight) }
    if trial.canMeasure, let mix = fitting.max(by: { $0.plan.byteCount < $1.plan.byteCount }) {
      let table = TypeTable(of: mix.plan)
      if table.types.mapValues(\.text) != chosen.table.types.mapValues(\.text) {
        let estimate = Self.damage(of: table, tensors)
        candidates.append(
          try await measure(candidate(table, mix.plan, name: mix.name, estimate: estimate), event))
      }
    }
    // The first of those that are alike.
    let best = candidates.dropFirst().reduce(candidates[0]) { ($1.measured ?? 0) < ($0.measured ?? 0) ? $1 : $0 }
    return Outcome(best: best, candidates: candidates, tensors: tensors)
  }

  /// What types cost that were all surveyed.
  private static func damage(of table: TypeTable, _ tensors: [TensorOptions]) -> Double? {
    var total = 0.0
    for tensor in tensors {
      guard let type = table.types[tensor.name], let option = tensor.options.first(where: { $0.type.text == type.text })
      else { return nil }
      total += option.damage
    }
    return total
  }

  // MARK: - Damages

  /// A whole output that was measured.
  private struct Trial {
    let allocation: Allocation
    let candidate: Candidate
    let divergence: Double
  }

  /// Estimates say which tensor wants how many bytes. How many in all they say only roughly: from the first trial on what was
  /// measured does.
  private func smallest(
    losing limit: Double, _ largest: Candidate, _ event: (Event) -> Void
  ) async throws -> Outcome {
    // Where the largest types are not enough nothing is.
    let largest = try await measure(largest, event)
    if let least = largest.measured, least > limit {
      throw FileError(
        .unsupported, path: trial.checkpoint.path,
        "loses more than \(limit) nats a token with the types that are allowed: \(least) with the largest")
    }
    let tensors = try await survey.run { event(.survey($0)) }
    let allocator = Allocator(tensors)
    var trials: [Trial] = []
    if let least = largest.measured {
      trials.append(Trial(allocation: allocator.largest, candidate: largest, divergence: least))
    }
    var next = allocator.allocation(losing: limit) ?? allocator.best
    while trials.count < Self.mostTrials, !trials.contains(where: { $0.allocation == next }) {
      let own = try await measure(try candidate(next, tensors, name: "trial \(trials.count + 1)"), event)
      trials.append(Trial(allocation: next, candidate: own, divergence: own.measured ?? next.damage))
      let (enough, tooMuch) = Self.bracket(trials, limit)
      if let enough, enough.divergence >= Self.nearEnough * limit { break }
      let bytes = Self.bytes(between: tooMuch, and: enough, limit, elements: tensors.reduce(0) { $0 + $1.elementCount })
      next = allocator.allocation(within: bytes) ?? allocator.smallest
      // Nothing larger is better than the best.
      if bytes >= allocator.best.byteCount { next = allocator.best }
    }
    let candidates = trials.map(\.candidate)
    guard let best = Self.bracket(trials, limit).enough else {
      let least = trials.map(\.divergence).min() ?? 0
      throw FileError(
        .unsupported, path: trial.checkpoint.path,
        "loses more than \(limit) nats a token with the types that are allowed: \(least) at the least")
    }
    return Outcome(best: best.candidate, candidates: candidates, tensors: tensors)
  }

  /// The smallest that loses no more, and the largest of those below it that do.
  private static func bracket(_ trials: [Trial], _ limit: Double) -> (enough: Trial?, tooMuch: Trial?) {
    let enough = trials.filter { $0.divergence <= limit }.min { $0.candidate.byteCount < $1.candidate.byteCount }
    let tooMuch = trials.filter {
      $0.divergence > limit && $0.allocation.byteCount < enough?.allocation.byteCount ?? .max
    }.max { $0.allocation.byteCount < $1.allocation.byteCount }
    return (enough, tooMuch)
  }

  /// Bytes at which as much is lost as may be, if the logarithm of what is lost goes down evenly with bytes: between two points, or
  /// from one, where a bit a weight takes three quarters away.
  private static func bytes(between tooMuch: Trial?, and enough: Trial?, _ limit: Double, elements: Int) -> Int {
    let bit = Double(elements) / 8
    guard let tooMuch else {
      guard let enough else { return .max }
      let share = enough.divergence > 0 ? limit / enough.divergence : 16
      return enough.allocation.byteCount - Int(bit * min(2, Double.log(share) / Double.log(4)))
    }
    guard let enough else {
      return tooMuch.allocation.byteCount
        + Int(bit * min(4, Double.log(tooMuch.divergence / limit) / Double.log(4)).rounded(.up))
    }
    let width = Double(enough.allocation.byteCount - tooMuch.allocation.byteCount)
    let share =
      enough.divergence > 0
      ? Double.log(tooMuch.divergence / limit) / Double.log(tooMuch.divergence / enough.divergence) : 0.5
    return tooMuch.allocation.byteCount + Int(width * min(0.9, max(0.1, share)))
  }
}
