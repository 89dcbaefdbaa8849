/// Rows of a matrix, or elements of a vector, in any order.
public struct RowPermutation: RowTransform, InvertibleTransform {
  /// The row of the input that becomes each row of the output; each row once.
  public let order: [Int]

  public init(_ order: [Int]) { self.order = order }

  public var inverse: any InvertibleTransform {
    var places = order
    for (place, row) in order.enumerated() { places[row] = place }
    return RowPermutation(places)
  }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    let shape = inputs[0]
    guard shape.count == 1 || shape.count == 2, shape[0] == order.count else {
      throw TransformRefusal("has shape \(shape), where \(order.count) rows are put in order")
    }
    return shape
  }

  public func source(ofLine line: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, line: Int) { (0, order[line]) }

  public func factors(of inputs: [FactorPair]) -> FactorPair? {
    inputs.first.map { FactorPair(down: $0.down, up: $0.up.applying(self)) }
  }
}
