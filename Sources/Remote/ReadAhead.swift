/// Finds out which blocks of a file will be wanted next: several places may be read from at a time, each from its beginning to
/// its end.
struct ReadAhead: Sendable {
  private struct Place {
    var last: Int
    /// How many blocks were read one after another.
    var run: Int
    var used: Int
  }

  private var places: [Place] = []
  private var clock = 0

  private static let mostPlaces = 32
  /// Blocks ahead of all places together.
  private static let mostAhead = 16
  private static let mostAheadOfOne = 10

  /// Takes note of blocks that are read now.
  /// - Parameter isBulk: whether much is read at once, so that more is likely to follow.
  /// - Returns: how many blocks behind them to fetch ahead.
  mutating func read(_ blocks: ClosedRange<Int>, isBulk: Bool) -> Int {
    clock += 1
    let index: Int
    if let known = places.firstIndex(where: { ($0.last - 3...$0.last + 1).contains(blocks.lowerBound) }) {
      index = known
      if blocks.upperBound > places[known].last {
        places[known].run += blocks.upperBound - places[known].last
        places[known].last = blocks.upperBound
      }
    } else {
      if places.count == Self.mostPlaces, let oldest = places.indices.min(by: { places[$0].used < places[$1].used }) {
        places.remove(at: oldest)
      }
      places.append(Place(last: blocks.upperBound, run: isBulk ? 2 : 0, used: clock))
      index = places.count - 1
    }
    places[index].used = clock
    let active = places.count { clock - $0.used < 4 * Self.mostPlaces }
    let ahead = places[index].run == 0 ? 0 : min(1 << min(places[index].run, 8), Self.mostAheadOfOne)
    // Workers that are behind the first find what they need already fetched.
    let missing = places[index].last - blocks.upperBound
    return missing + min(ahead, max(1, Self.mostAhead / active))
  }
}
