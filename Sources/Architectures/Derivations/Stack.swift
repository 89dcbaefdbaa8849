/// Tensors of one shape as one with a dimension more: the matrices of experts as a GGUF holds them.
public struct Stack: RowTransform {
  public init() {}

  public func lineWidth(of shape: [Int]) -> Int { shape.last ?? 1 }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    guard let first = inputs.first, !first.isEmpty else { throw TransformRefusal("has no dimensions to be stacked") }
    for (number, shape) in inputs.enumerated() where shape != first {
      throw TransformRefusal(input: number, "has shape \(shape), but \(first) is expected beside the others")
    }
    return [inputs.count] + first
  }

  public func source(ofLine line: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, line: Int) {
    let (number, inner) = line.quotientAndRemainder(dividingBy: max(1, shape.dropFirst().dropLast().reduce(1, *)))
    return (number, inner)
  }

  /// All the parts of one tensor, put together again.
  public func simplified(of inputs: [Derivation]) -> Derivation? {
    var whole: Derivation?
    for (number, input) in inputs.enumerated() {
      guard case .made(let transform as StackedTensor, let inner) = input, transform.number == number,
        transform.count == inputs.count, let own = inner.first, whole == nil || whole == own
      else { return nil }
      whole = own
    }
    return whole
  }

  public func factors(of inputs: [FactorPair]) -> FactorPair? {
    FactorPair(down: .making(self, of: inputs.map(\.down)), up: .making(self, of: inputs.map(\.up)))
  }
}
