/// Which neighbours may be joined, in which order, and into what.
struct MergeTable: Sendable {
  struct Merge: Sendable {
    /// Lower goes first; equal ranks go from left to right.
    var rank: UInt32
    var result: Int32
  }

  private var merges: [UInt64: Merge] = [:]

  var count: Int { merges.count }

  /// The keys' order is not defined.
  var pairs: some Sequence<(left: Int32, right: Int32)> {
    merges.keys.lazy.map { key in
      (Int32(truncatingIfNeeded: key >> 32), Int32(truncatingIfNeeded: key & 0xFFFF_FFFF))
    }
  }

  init(minimumCapacity: Int) { merges.reserveCapacity(minimumCapacity) }

  /// Adds a pair; one that is there keeps its rank.
  mutating func add(left: Int32, right: Int32, _ merge: Merge) {
    let key = Self.key(left, right)
    if merges[key] == nil { merges[key] = merge }
  }

  func merge(left: Int32, right: Int32) -> Merge? { merges[Self.key(left, right)] }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }
}
