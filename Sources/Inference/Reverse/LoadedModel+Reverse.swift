internal import Bytes

extension LoadedModel {
  /// Runs windows of equal length forwards and back, keeping what every layer was given.
  /// - Parameter observer: is shown every linear layer.
  /// - Returns: the sum of the losses at all positions, in nats.
  func reverse(
    _ windows: [[Int32]], label: @escaping @Sendable (_ row: Int) -> Label, observer: any GradientObserver,
    workers: Workers
  ) async throws -> Double {
    let run = try await run(windows, workers: workers, upTo: layers.first?.lowerBound ?? steps.count)
    var records: [[StepRecord]] = []
    for layer in layers { records.append(try await run.record(steps[layer])) }
    let (loss, stream) = try await run.loss(of: label, observer: observer)
    let reverse = ReverseRun(run, stream: stream, observer: observer)
    for layer in records.reversed() { try await reverse.carryOut(layer) }
    return loss
  }
}
