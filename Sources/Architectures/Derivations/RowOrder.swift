/// A fixed reordering of the rows of a matrix, given in closed form.
///
/// Hugging Face checkpoints keep the two elements that RoPE rotates together half a head apart; the GGUF of a Llama
/// keeps them side by side (llama.cpp's NORM type of RoPE). Blocks of quantized types run along a row, so encoded rows
/// can be reordered as they are.
public struct RowOrder: RowTransform, InvertibleTransform {
  public enum Direction: Hashable, Sendable {
    /// From half a head apart to side by side.
    case interleaving
    /// From side by side to half a head apart.
    case deinterleaving
  }

  public let direction: Direction
  /// Rows of one head; even.
  public let headDimension: Int

  public init(_ direction: Direction, headDimension: Int) {
    self.direction = direction
    self.headDimension = headDimension
  }

  public var inverse: any InvertibleTransform {
    RowOrder(direction == .interleaving ? .deinterleaving : .interleaving, headDimension: headDimension)
  }

  public func shape(of inputs: [[Int]]) throws(TransformRefusal) -> [Int] {
    let shape = inputs[0]
    guard let rows = shape.first, shape.count <= 2, rows % headDimension == 0 else {
      throw TransformRefusal("shape \(shape) is not a whole number of heads of \(headDimension) rows")
    }
    return shape
  }

  public func source(ofLine line: Int, of shape: [Int], inputs: [[Int]]) -> (input: Int, line: Int) {
    (0, source(of: line))
  }

  /// The row of the input that becomes row `row` of the output.
  public func source(of row: Int) -> Int {
    let half = headDimension / 2
    let (head, inner) = row.quotientAndRemainder(dividingBy: headDimension)
    let start = head * headDimension
    return switch direction {
    case .interleaving: start + (inner % 2) * half + inner / 2
    case .deinterleaving: start + (inner % half) * 2 + inner / half
    }
  }

  public func factors(of inputs: [FactorPair]) -> FactorPair? {
    inputs.first.map { FactorPair(down: $0.down, up: $0.up.applying(self)) }
  }
}
