@_spi(Benchmarks) internal import Quantization
internal import Bytes
/// Is shown what the linear layers of a model are given while it runs.
protocol InputObserver: Sendable {
  /// Called before the inputs are used, one call at a time.
  /// - Parameters:
  ///   - inputs: a row a token. Its memory is used again after the call.
  ///   - layers: names of the weights that are all multiplied with these inputs.
  func observe(_ inputs: MatrixPart, of layers: [String], workers: Workers) async throws
}
