public import Conversion

/// One of the options of each tensor.
public struct Allocation: Hashable, Sendable {
  /// Their numbers, in the order of the tensors.
  public let choices: [Int]
  public let byteCount: Int
  /// The sum of what the options cost.
  public let damage: Double

  init(_ choices: [Int], of tensors: [TensorOptions]) {
    self.choices = choices
    byteCount = zip(tensors, choices).reduce(0) { $0 + $1.0.options[$1.1].byteCount }
    damage = zip(tensors, choices).reduce(0) { $0 + $1.0.options[$1.1].damage }
  }

  /// The types as a recipe has them.
  public func table(of tensors: [TensorOptions]) -> TypeTable {
    TypeTable(
      Dictionary(zip(tensors, choices).map { ($0.name, $0.options[$1].type) }, uniquingKeysWith: { first, _ in first }))
  }
}

/// Chooses options of tensors whose damages add up: the least damage under a size, the least size under a damage.
///
/// Each tensor goes from its smallest option along the lower convex hull of size and damage, the steps of all tensors in the order
/// of what a byte gains: that is what a Lagrange multiplier for the bytes chooses (Shoham and Gersho 1988). What no step of the hull
/// fits is filled with single options. Ties go to the first tensor.
public struct Allocator: Sendable {
  private let tensors: [TensorOptions]
  /// Of each tensor, options of which none is smaller and better, by size.
  private let useful: [[Int]]
  private let steps: [Step]

  private struct Step {
    let tensor: Int
    let option: Int
    /// Damage that a byte takes away.
    let gain: Double
  }

  public init(_ tensors: [TensorOptions]) {
    self.tensors = tensors
    useful = tensors.map(Self.useful)
    var steps: [Step] = []
    for (number, tensor) in tensors.enumerated() {
      let hull = Self.hull(useful[number], of: tensor.options)
      for (from, to) in zip(hull, hull.dropFirst()) {
        steps.append(Step(tensor: number, option: to, gain: Self.gain(tensor.options[from], tensor.options[to])))
      }
    }
    // Steps of a tensor are in the order of their gains already.
    self.steps = steps.enumerated().sorted { ($1.element.gain, $0.offset) < ($0.element.gain, $1.offset) }.map(
      \.element)
  }

  private static func gain(_ from: TypeOption, _ to: TypeOption) -> Double {
    (from.damage - to.damage) / Double(to.byteCount - from.byteCount)
  }

  private static func useful(_ tensor: TensorOptions) -> [Int] {
    let order = tensor.options.indices.sorted { one, other in
      let (a, b) = (tensor.options[one], tensor.options[other])
      return (a.byteCount, a.damage, one) < (b.byteCount, b.damage, other)
    }
    var kept: [Int] = []
    for number in order {
      guard let last = kept.last else {
        kept.append(number)
        continue
      }
      if tensor.options[number].damage < tensor.options[last].damage { kept.append(number) }
    }
    return kept
  }

  private static func hull(_ useful: [Int], of options: [TypeOption]) -> [Int] {
    var hull: [Int] = []
    for number in useful {
      while hull.count > 1,
        gain(options[hull[hull.count - 2]], options[hull[hull.count - 1]])
          <= gain(options[hull[hull.count - 1]], options[number])
      {
        hull.removeLast()
      }
      hull.append(number)
    }
    return hull
  }

  /// The option of the fewest bytes for each tensor, that of the most, and that of the least damage.
  public var smallest: Allocation { Allocation(useful.map { $0.first ?? 0 }, of: tensors) }
  public var largest: Allocation {
    Allocation(
      tensors.map { tensor in
        tensor.options.indices.max { tensor.options[$0].byteCount < tensor.options[$1].byteCount } ?? 0
      }, of: tensors)
  }
  public var best: Allocation { Allocation(useful.map { $0.last ?? 0 }, of: tensors) }

  /// The least damage that so many bytes allow.
  /// - Returns: nil where the smallest options take more.
  public func allocation(within bytes: Int) -> Allocation? {
    let start = smallest
    guard start.byteCount <= bytes else { return nil }
    var (choices, left) = (start.choices, bytes - start.byteCount)
    var isStopped = Array(repeating: false, count: tensors.count)
    for step in steps where !isStopped[step.tensor] {
      let options = tensors[step.tensor].options
      let more = options[step.option].byteCount - options[choices[step.tensor]].byteCount
      guard more <= left else {
        isStopped[step.tensor] = true
        continue
      }
      choices[step.tensor] = step.option
      left -= more
    }
    fill(&choices, left: left)
    return Allocation(choices, of: tensors)
  }

  /// Takes, as long as there is one, the single option that gains most by the byte and still fits.
  private func fill(_ choices: inout [Int], left: Int) {
    var left = left
    while true {
      var found: (tensor: Int, option: Int, gain: Double)?
      for (number, tensor) in tensors.enumerated() {
        let now = tensor.options[choices[number]]
        for option in useful[number] {
          let other = tensor.options[option]
          guard other.byteCount > now.byteCount, other.byteCount - now.byteCount <= left else { continue }
          let gain = Self.gain(now, other)
          if gain > found?.gain ?? 0 { found = (number, option, gain) }
        }
      }
      guard let found else { return }
      left -=
        tensors[found.tensor].options[found.option].byteCount
        - tensors[found.tensor].options[choices[found.tensor]].byteCount
      choices[found.tensor] = found.option
    }
  }

  /// The fewest bytes that lose no more than so much.
  /// - Returns: nil where the best options lose more.
  public func allocation(losing damage: Double) -> Allocation? {
    guard best.damage <= damage else { return nil }
    var choices = smallest.choices
    var lost = smallest.damage
    for step in steps where lost > damage {
      let options = tensors[step.tensor].options
      lost += options[step.option].damage - options[choices[step.tensor]].damage
      choices[step.tensor] = step.option
    }
    let found = Allocation(choices, of: tensors)
    // Rounding may leave a last one a hair above.
    guard found.damage <= damage else { return best }
    return shrunk(found, losing: damage)
  }

  /// Takes, as long as there is one, the single option that saves most bytes and still loses no more.
  private func shrunk(_ allocation: Allocation, losing damage: Double) -> Allocation {
    var allocation = allocation
    while true {
      var found: (tensor: Int, option: Int, saved: Int)?
      for (number, tensor) in tensors.enumerated() {
        let now = tensor.options[allocation.choices[number]]
        for option in useful[number] {
          let other = tensor.options[option]
          let saved = now.byteCount - other.byteCount
          guard saved > found?.saved ?? 0, allocation.damage - now.damage + other.damage <= damage else { continue }
          found = (number, option, saved)
        }
      }
      guard let found else { return allocation }
      var choices = allocation.choices
      choices[found.tensor] = found.option
      let smaller = Allocation(choices, of: tensors)
      guard smaller.damage <= damage else { return allocation }
      allocation = smaller
    }
  }
}
