/// Things in a row with what each costs, divided into runs that cost about the same. A pure function: every machine finds the
/// same runs.
struct CostRuns {
  /// Of the numbers of the things, in order. None is empty, so there are fewer than were asked for where there are fewer
  /// things.
  let runs: [Range<Int>]

  /// - Parameters:
  ///   - costs: of each thing; none negative.
  ///   - count: of the runs, at least 1.
  init(_ costs: [Double], count: Int) {
    let count = min(count, costs.count)
    var sums = [0.0]
    for cost in costs { sums.append((sums.last ?? 0) + cost) }
    let total = sums.last ?? 0
    var (runs, start) = ([Range<Int>](), 0)
    for number in 1...max(count, 1) where count > 0 {
      // At least one for each run that follows.
      let last = costs.count - (count - number)
      var end = number == count ? costs.count : start + 1
      let goal = total * Double(number) / Double(count)
      // As near to what all runs so far should cost as a thing's end lies.
      while end < last, abs(sums[end + 1] - goal) <= abs(sums[end] - goal) { end += 1 }
      runs.append(start..<end)
      start = end
    }
    self.runs = runs
  }
}

extension PlannedTensor {
  /// About in proportion to the time that pouring it takes: bytes that are read and written, and values that are computed.
  var pouringCost: Double {
    let values = Double(elementCount)
    let isComputed =
      switch action {
      case .copyRows, .copyStored: false
      case .group(let output): !output.isRepacked
      case .encode: true
      }
    return isComputed
      ? values * (Self.bytesRead + Self.bytesPerValue) + Double(byteCount) + calibratingCost : 2 * Double(byteCount)
  }

  /// Bytes of a value that is not quantized yet.
  private static let bytesRead = 2.0
  /// Bytes that are read or written in the time in which a value is encoded, about: types differ less than disks do.
  private static let bytesPerValue = 4.0
}
