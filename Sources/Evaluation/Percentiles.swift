/// Percentiles of a sample, by linear interpolation between the two nearest values: percentile p lies at place
/// p/100 * (count - 1) of the sorted sample, counted from 0.
struct Percentiles: Hashable, Sendable {
  private let sorted: [Double]

  init(_ sample: [Double]) { sorted = sample.sorted() }

  /// - Parameter percent: 0 is the least value, 50 the median, 100 the greatest.
  subscript(percent: Double) -> Double {
    guard let last = sorted.last else { return .nan }
    let place = min(max(percent, 0), 100) / 100 * Double(sorted.count - 1)
    let below = Int(place)
    guard below + 1 < sorted.count else { return last }
    let share = place - Double(below)
    return sorted[below] + share * (sorted[below + 1] - sorted[below])
  }
}
