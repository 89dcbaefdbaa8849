@_spi(Benchmarks) internal import Quantization
public import Bytes

extension LoadedModel {
  /// Runs windows of equal length, each from an empty context, and adds up the squares of what the linear layers are
  /// given at every position.
  /// - Parameter includingHead: whether the head is one of the layers. A tied one has the name of the embedding.
  /// - Throws: `FileError` when a token is outside the vocabulary, a weight cannot be read, or a layer is given what is
  ///   infinite, not a number, or too large to be added up; `CancellationError`.
  public func addInputSquares(
    of windows: [[Int32]], to squares: InputSquares, includingHead: Bool = false, workers: Workers
  ) async throws {
    do {
      let run = try await run(windows, workers: workers, observer: squares)
      if includingHead {
        let states = try await run.finish(at: 0..<(windows.first?.count ?? 0))
        try await squares.observe(states.part(), of: [head.name], workers: workers)
      }
    } catch let error as UncountableInput {
      throw FileError(
        .mismatch, path: name, subject: error.layer,
        "is multiplied with activations that are infinite, too large or not a number; are weights damaged?")
    }
  }
}
