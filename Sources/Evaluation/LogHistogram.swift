/// How many values there are of each size: bins of a quarter of a decade, so that values of many sizes are told apart.
public struct LogHistogram: Hashable, Sendable {
  /// Values from `from`, itself included, to `to`.
  public struct Bin: Hashable, Sendable {
    /// 0 for what lies below all bins, which is no less than what rounding makes of nothing.
    public let from: Double
    public let to: Double
    public let count: Int

    package init(from: Double, to: Double, count: Int) {
      self.from = from
      self.to = to
      self.count = count
    }
  }

  /// Those that have values, the smallest first.
  public let bins: [Bin]

  package init(bins: [Bin]) { self.bins = bins }

  /// Between them lie the bins: 1e-8, 1.78e-8, 3.16e-8 ... 1e3.
  private static let edges: [Double] = {
    let quarters = [1, 1.7782794100389228, 3.1622776601683795, 5.623413251903491]
    let powers = (-8..<3).map { exponent in (0..<abs(exponent)).reduce(1.0) { value, _ in value * 10 } }
    return zip(-8..<3, powers).flatMap { exponent, power in
      quarters.map { exponent < 0 ? $0 / power : $0 * power }
    } + [1e3]
  }()

  init(_ sample: [Double]) {
    var counts = [Int](repeating: 0, count: Self.edges.count)
    for value in sample {
      // The number of edges that are not above the value; what is above all of them is in the last bin.
      var (low, high) = (0, Self.edges.count)
      while low < high {
        let middle = (low + high) / 2
        if Self.edges[middle] <= value { low = middle + 1 } else { high = middle }
      }
      counts[min(low, counts.count - 1)] += 1
    }
    bins = counts.indices.filter { counts[$0] > 0 }.map {
      Bin(from: $0 == 0 ? 0 : Self.edges[$0 - 1], to: Self.edges[$0], count: counts[$0])
    }
  }
}
