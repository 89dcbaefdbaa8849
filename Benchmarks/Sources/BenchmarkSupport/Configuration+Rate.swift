public import Benchmark

extension Benchmark.Configuration {
  /// Time, and the rate that `measure` reports: the settings of nearly every benchmark here.
  public static func rate(_ metric: BenchmarkMetric, seconds: Double = 0.25) -> Self {
    Self(metrics: [.wallClock, metric], warmupIterations: 1, maxDuration: .seconds(seconds))
  }
}
