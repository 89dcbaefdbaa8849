public import Quantization
public import Bytes
/// A model that predicts tokens: what a measurement needs to know of one.
///
/// Running it has two steps, so that a vocabulary of any size fits in memory: the hidden states of the wanted positions
/// are computed for a batch, then turned into logits a few rows at a time.
public protocol LanguageModel: Sendable {
  /// Number of logits a position.
  var vocabularySize: Int { get }

  /// Runs windows of equal length, each from an empty context.
  /// - Parameter positions: the places in each window whose predictions are wanted.
  /// - Returns: `windows.count * positions.count` rows, window after window; what a row holds is the model's affair.
  func hiddenStates(of windows: [[Int32]], at positions: Range<Int>, workers: Workers) async throws -> Matrix

  /// Writes the logits that follow from rows `rows` of `states` to the first rows of `logits`
  /// (`vocabularySize` columns).
  func writeLogits(from states: Matrix, rows: Range<Int>, to logits: Matrix, workers: Workers) async throws
}

extension LanguageModel {
  /// Runs windows of equal length and hands over logits in pieces.
  /// - Parameters:
  ///   - positions: the places in each window whose predictions are wanted.
  ///   - pieceByteCount: what the logits held at a time may take.
  ///   - consume: is called for each window and position in order, with `vocabularySize` logits.
  public func forEachLogits(
    of windows: [[Int32]], at positions: Range<Int>, workers: Workers, pieceByteCount: Int = Logits.pieceByteCount,
    _ consume: (_ window: Int, _ position: Int, _ logits: Span<Float>) throws -> Void
  ) async throws {
    let states = try await hiddenStates(of: windows, at: positions, workers: workers)
    let pieces = Logits.pieces(rows: states.rows, vocabularySize: vocabularySize, byteCount: pieceByteCount)
    let logits = Matrix(rows: pieces.first?.count ?? 0, columns: vocabularySize)
    for piece in pieces {
      try await writeLogits(from: states, rows: piece, to: logits, workers: workers)
      for row in piece {
        try logits.withRow(row - piece.lowerBound) { span in
          try consume(row / positions.count, positions.lowerBound + row % positions.count, span)
        }
      }
    }
  }
}
