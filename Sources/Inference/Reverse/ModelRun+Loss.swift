internal import Architectures
internal import Bytes
@_spi(Benchmarks) internal import Quantization
internal import RealModule

extension ModelRun {
  /// The gradient of the sum of the losses at all positions with respect to the stream after the last layer.
  /// - Parameters:
  ///   - label: of a position, counted over all windows.
  ///   - observer: is shown what comes after the last layer: a projection, and the head, a few rows at a time.
  /// - Returns: the sum of the losses in nats, and the gradient, a row a token.
  /// - Throws: `FileError` when logits are not finite.
  func loss(
    of label: @escaping @Sendable (_ row: Int) -> Label, observer: any GradientObserver
  ) async throws -> (loss: Double, stream: Matrix) {
    let normalized = try await normalizedStream(at: 0..<length)
    let states = try await finish(at: 0..<length)
    let stateGradient = Matrix(rows: tokens, columns: states.columns)
    KernelSet.best.clear(stateGradient.part())
    var losses: [Double] = []
    let pieces = Logits.pieces(rows: tokens, vocabularySize: model.vocabularySize)
    let logits = Matrix(rows: pieces.first?.count ?? 0, columns: model.vocabularySize)
    for piece in pieces {
      try await model.writeLogits(from: states, rows: piece, to: logits, workers: workers)
      losses += try await workers.map(piece.count) { [model] row, _ in
        let (loss, isFinite) = logits.withMutableRows(row..<row + 1) {
          Self.gradient(of: &$0, label: label(piece.lowerBound + row), cap: model.logitSoftCap, scale: model.logitScale)
        }
        guard isFinite else {
          throw FileError(.mismatch, path: model.name, "gives logits that are infinite or not a number")
        }
        return loss
      }
      let given = logits.part(rows: 0..<piece.count)
      try await observer.observe(states.part(rows: piece), gradient: given, of: model.head, workers: workers)
      try await ReverseRun.add(
        given, times: model.head, to: stateGradient.part(rows: piece), workers: workers, memories: memories)
    }
    let stream = try await back(stateGradient, normalized: normalized, observer: observer)
    return (losses.reduce(0, +), stream)
  }

  /// Logits become the gradient of the loss with respect to what the head gives.
  private static func gradient(
    of logits: inout MutableSpan<Float>, label: Label, cap: Float?, scale: Float
  ) -> (loss: Double, isFinite: Bool) {
    // By how much a capped logit grows, where one is.
    let slopes = cap.map { cap in logits.indices.map { 1 - (logits[$0] / cap) * (logits[$0] / cap) } }
    let token: Int
    let loss: Double
    switch label {
    case .token(let wanted):
      let logit = logits[wanted]
      let drawn = KernelSet.best.draw(from: &logits, 0)
      guard drawn.logSum.isFinite else { return (0, false) }
      token = wanted
      loss = drawn.logSum - Double(logit - drawn.maximum)
    case .drawn(let number):
      let drawn = KernelSet.best.draw(from: &logits, number)
      guard drawn.logSum.isFinite else { return (0, false) }
      token = drawn.place
      loss = -Double.log(Double(logits[token]))
    }
    logits[token] -= 1
    if let slopes { for index in logits.indices { logits[index] *= slopes[index] } }
    if scale != 1 { for index in logits.indices { logits[index] *= scale } }
    return (loss, true)
  }

  /// From what is given to the head to the stream.
  private func back(_ states: Matrix, normalized: Matrix, observer: any GradientObserver) async throws -> Matrix {
    var gradient = states
    if let projection = model.finalProjection {
      try await observer.observe(normalized.part(), gradient: states.part(), of: projection, workers: workers)
      gradient = Matrix(rows: tokens, columns: normalized.columns)
      KernelSet.best.clear(gradient.part())
      try await ReverseRun.add(
        states.part(), times: projection, to: gradient.part(), workers: workers, memories: memories)
    }
    guard let norm = model.finalNorm else { return gradient }
    let (stream, own) = (matrix(.stream), gradient)
    try await forEachBlock { rows, _ in
      ReverseRun.normalize(stream.part(rows: rows), norm, head: 0, gradient: own.part(rows: rows))
    }
    return gradient
  }
}
