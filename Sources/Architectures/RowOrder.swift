/// A fixed reordering of the rows of a matrix, given in closed form.
///
/// Hugging Face checkpoints keep the two elements that RoPE rotates together half a head apart; the GGUF of a Llama
/// keeps them side by side (llama.cpp's NORM type of RoPE). Blocks of quantized types run along a row, so encoded rows
/// can be reordered as they are.
public struct RowOrder: Hashable, Sendable {
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

  public var inverse: RowOrder {
    RowOrder(direction == .interleaving ? .deinterleaving : .interleaving, headDimension: headDimension)
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

  /// A row of the input, and the row of the output that it becomes.
  public struct Move: Hashable, Sendable {
    public let source: Int
    public let row: Int
  }

  /// What makes the rows `rows` of the output, in the order of the input, in runs that are each read at once: at most one
  /// row that is not needed lies between two that are. So a head may be larger than memory.
  public func runs(of rows: Range<Int>) -> [ArraySlice<Move>] {
    let moves = rows.map { Move(source: source(of: $0), row: $0) }.sorted { $0.source < $1.source }
    var runs: [ArraySlice<Move>] = []
    var start = 0
    for index in moves.indices where index + 1 == moves.count || moves[index + 1].source - moves[index].source > 2 {
      runs.append(moves[start...index])
      start = index + 1
    }
    return runs
  }
}

extension ArraySlice<RowOrder.Move> {
  /// The rows of the input from the first that is needed to the last.
  public var sources: Range<Int> {
    guard let first, let last else { return 0..<0 }
    return first.source..<last.source + 1
  }
}
