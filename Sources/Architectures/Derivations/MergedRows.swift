/// Rows of several tensors in turn: of each group so many rows of the first, then of the second and so on. With one group
/// the tensors follow each other. Undoes several `GroupedRows`.
public struct MergedRows: RowTransform {
  /// Rows of a group that each tensor gives.
  public let counts: [Int]

  public init(_ counts: [Int]) { self.counts = counts }

  /// Rows of a group.
  public var groupSize: Int { counts.reduce(0, +) }

  /// The rows of a group that come from each tensor.
  public var places: [Range<Int>] {
    var start = 0
    return counts.map { count in
      defer { start += count }
      return start..<start + count
    }
  }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    guard let first = inputs.first, inputs.count == counts.count, !first.isEmpty, !counts.contains(where: { $0 < 1 })
    else { throw TransformRefusal("is one of \(inputs.count) tensors, but \(counts.count) are put together") }
    let place = max(0, first.count - 2)
    let groups = first[place] / counts[0]
    for (number, shape) in inputs.enumerated() {
      var expected = first
      expected[place] = groups * counts[number]
      guard shape == expected, first[place] % counts[0] == 0 else {
        throw TransformRefusal(input: number, "has shape \(shape), but \(expected) is expected beside the others")
      }
    }
    var shape = first
    shape[place] = groups * groupSize
    return shape
  }

  public func source(ofLine line: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, line: Int) {
    let (group, inner) = line.quotientAndRemainder(dividingBy: max(1, groupSize))
    var start = 0
    for (number, count) in counts.enumerated() {
      if inner < start + count { return (number, group * count + inner - start) }
      start += count
    }
    return (0, 0)
  }

  /// All the parts of one tensor, put together again.
  public func simplified(of inputs: [Derivation]) -> Derivation? {
    var whole: Derivation?
    for (number, place) in places.enumerated() where number < inputs.count {
      guard case .made(let transform as GroupedRows, let inner) = inputs[number], transform.groupSize == groupSize,
        transform.taken == place, let own = inner.first, whole == nil || whole == own
      else { return nil }
      whole = own
    }
    return whole
  }

  /// What is put together has one factor for all columns only where its parts have the same.
  public func factors(of inputs: [FactorPair]) -> FactorPair? {
    guard let down = inputs.first?.down, inputs.allSatisfy({ $0.down == down }) else { return nil }
    return FactorPair(down: down, up: .making(self, of: inputs.map(\.up)))
  }
}
