public import Benchmark

extension BenchmarkMetric {
  /// Millions of values a second.
  public static let valueRate = BenchmarkMetric.custom("Mvalues/s", polarity: .prefersLarger, useScalingFactor: false)

  /// Millions of multiplications and additions a second.
  public static let operationRate = BenchmarkMetric.custom("MFLOP/s", polarity: .prefersLarger, useScalingFactor: false)

  /// Megabytes (of 10⁶ bytes) a second.
  public static let byteRate = BenchmarkMetric.custom("MB/s", polarity: .prefersLarger, useScalingFactor: false)
}

extension Benchmark {
  /// Measures `body`, which deals with `count` values or bytes, and reports millions of them a second as `metric`.
  public func measure<Failure: Error>(
    _ metric: BenchmarkMetric, count: Int, _ body: () throws(Failure) -> Void
  ) throws(Failure) {
    startMeasurement()
    let start = ContinuousClock.now
    try body()
    let elapsed = ContinuousClock.now - start
    stopMeasurement()
    report(metric, count: count, elapsed: elapsed)
  }

  /// Measures `body` as the other function does.
  public func measure(_ metric: BenchmarkMetric, count: Int, _ body: () async throws -> Void) async rethrows {
    startMeasurement()
    let start = ContinuousClock.now
    try await body()
    let elapsed = ContinuousClock.now - start
    stopMeasurement()
    report(metric, count: count, elapsed: elapsed)
  }

  private func report(_ metric: BenchmarkMetric, count: Int, elapsed: Duration) {
    measurement(metric, Int((Double(count) / (elapsed / .microseconds(1))).rounded()))
  }
}
