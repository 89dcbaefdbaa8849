/// One of the tensors of a stack, without the outermost dimension.
public struct StackedTensor: RowTransform {
  public let number: Int
  /// How many the stack has.
  public let count: Int

  public init(_ number: Int, of count: Int) {
    self.number = number
    self.count = count
  }

  public func lineWidth(of shape: [Int]) -> Int { shape.last ?? 1 }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    let shape = inputs[0]
    guard shape.count >= 2, shape[0] == count else {
      throw TransformRefusal("has shape \(shape), but a stack of \(count) is expected")
    }
    return Array(shape.dropFirst())
  }

  public func source(ofLine line: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, line: Int) {
    (0, number * shape.dropLast().reduce(1, *) + line)
  }

  public func simplified(of inputs: [Derivation]) -> Derivation? {
    guard case .made(is Stack, let parts)? = inputs.first, parts.count == count else { return nil }
    return parts[number]
  }

  public func factors(of inputs: [FactorPair]) -> FactorPair? {
    inputs.first.map { FactorPair(down: $0.down.applying(self), up: $0.up.applying(self)) }
  }
}
