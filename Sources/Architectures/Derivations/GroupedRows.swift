/// Some rows of each group of rows, or elements of a vector: a slice where there is one group, every second row where
/// groups are of two. Of a stack the rows of each matrix are in groups.
public struct GroupedRows: RowTransform {
  /// Rows of a group.
  public let groupSize: Int
  /// The rows of each group that are taken.
  public let taken: Range<Int>

  public init(_ taken: Range<Int>, ofEach groupSize: Int) {
    self.groupSize = groupSize
    self.taken = taken
  }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    var shape = inputs[0]
    let place = max(0, shape.count - 2)
    guard !shape.isEmpty, groupSize > 0, shape[place] % groupSize == 0, taken.upperBound <= groupSize else {
      throw TransformRefusal("has shape \(shape), which is not a whole number of groups of \(groupSize) rows")
    }
    shape[place] = shape[place] / groupSize * taken.count
    return shape
  }

  public func source(ofLine line: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, line: Int) {
    let (group, inner) = line.quotientAndRemainder(dividingBy: max(1, taken.count))
    return (0, group * groupSize + taken.lowerBound + inner)
  }

  /// What is taken out of what was put together.
  public func simplified(of inputs: [Derivation]) -> Derivation? {
    guard case .made(let transform as MergedRows, let parts)? = inputs.first,
      transform.groupSize == groupSize, let number = transform.places.firstIndex(of: taken)
    else { return nil }
    return parts[number]
  }

  public func factors(of inputs: [FactorPair]) -> FactorPair? {
    inputs.first.map { FactorPair(down: $0.down, up: $0.up.applying(self)) }
  }
}
