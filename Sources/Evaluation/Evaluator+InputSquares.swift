public import Inference

extension Evaluator {
  /// Lets a model read all of a text, and adds up the squares of what its linear layers are given.
  /// - Parameters:
  ///   - includingHead: whether the head is one of the layers.
  ///   - progress: is called after each batch of windows with the number of windows done.
  /// - Throws: what the model throws; `CancellationError`.
  public func inputSquares(
    of model: LlamaModel, over text: EvaluationWindows, includingHead: Bool = false,
    progress: (_ windows: Int) -> Void = { _ in }
  ) async throws -> InputSquares {
    let squares = InputSquares()
    for batch in text.batches(ofTokens: batchTokens) {
      try await model.addInputSquares(
        of: Array(text.windows[batch]), to: squares, includingHead: includingHead, workers: workers)
      progress(batch.upperBound)
    }
    return squares
  }
}
