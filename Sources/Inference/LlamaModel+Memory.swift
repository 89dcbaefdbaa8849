internal import Architectures

extension LlamaModel {
  /// Bytes that running so many windows of so many tokens takes at most: activations, attention, what each worker decodes
  /// weights into. The weights themselves stay where they are.
  ///
  /// In Double, as a size that a file claims may be too large for Int.
  public func memory(windows: Int, length: Int, workers: Int) -> Double {
    func size(_ count: Int) -> Double { Double(count) }
    let tokens = size(windows) * size(length)
    let hidden = size(configuration.hiddenSize)
    let queries = size(configuration.headCount) * size(configuration.headDimension)
    let keys = size(configuration.keyValueHeadCount) * size(configuration.headDimension)
    let inner = size(configuration.intermediateSize)
    // The stream and what a norm gives, twice over: what is handed on has half of the positions or all.
    let activations = tokens * (3 * hidden + 2 * queries + 2 * keys + inner)
    let widest = max(configuration.hiddenSize, configuration.intermediateSize, Int(queries))
    let rows = size(Panel.rows(of: .max, columns: widest))
    // Decoded, and encoded in up to as many bytes.
    let panel = 2 * rows * size(widest)
    let gate = size(min(Panel.tokens, Int(min(tokens, 1e9)))) * size(2 * Panel.largestRows)
    let head = size(length) * (2 * size(configuration.headDimension) + size(min(Panel.queries, length)))
    let rotation = size(length) * size(configuration.headDimension)
    return 4 * (activations + rotation + size(workers) * (panel + gate + head))
  }
}
