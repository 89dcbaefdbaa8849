@_spi(Benchmarks) internal import Quantization
internal import Bytes

/// Is shown what the linear layers of a model are given, and the gradient of the loss with respect to what they give.
protocol GradientObserver: Sendable {
  /// Called for one linear layer at a time.
  /// - Parameters:
  ///   - inputs: a row a token.
  ///   - gradient: of the sum of the losses of all tokens, a row a token. Both memories are used again after the call.
  func observe(_ inputs: MatrixPart, gradient: MatrixPart, of layer: LinearLayer, workers: Workers) async throws
}
