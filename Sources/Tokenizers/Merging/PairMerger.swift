/// Joins the symbols of one piece of text by a table of merges, best rank first and leftmost among equals. The
/// work grows as n log n with the length of the piece, whatever it holds. Keeps its memory between pieces.
struct PairMerger {
  /// A neighbouring pair that may be joined. It is stale when its place holds other symbols by now.
  private struct Candidate {
    /// Rank in the high half, place of the left symbol in the low one.
    var key: UInt64
    var left: Int32
    var right: Int32
    var result: Int32
  }

  private static let dead = Int32.min
  /// Pieces up to this length are scanned instead of kept in a heap, which is faster for words.
  private static let shortLength = 16

  /// The symbols of the piece before `merge`; those that remain, and dead places between them, after it. Negative
  /// symbols join nothing.
  private(set) var symbols: [Int32] = []
  private var next: [Int32] = []
  private var previous: [Int32] = []
  private var heap: [Candidate] = []

  mutating func removeAll() { symbols.removeAll(keepingCapacity: true) }

  mutating func append(_ symbol: Int32) { symbols.append(symbol) }

  /// Merges all that can be merged and hands every remaining symbol, with the place where it began, to `body`.
  mutating func merge(by table: MergeTable, _ body: (_ symbol: Int32, _ place: Int) -> Void) {
    if symbols.count <= Self.shortLength {
      mergeShort(by: table)
      for (place, symbol) in symbols.enumerated() where symbol != Self.dead { body(symbol, place) }
    } else {
      mergeLong(by: table)
      var place = 0
      while place < symbols.count {
        body(symbols[place], place)
        place = Int(next[place])
      }
    }
  }

  private mutating func mergeShort(by table: MergeTable) {
    var live = [Int](0..<symbols.count)
    var ranks = live.dropLast().map { table.merge(left: symbols[$0], right: symbols[$0 + 1]) }
    while true {
      var best: (rank: UInt32, index: Int, result: Int32)?
      for (index, merge) in ranks.enumerated() {
        if let merge, merge.rank < best?.rank ?? .max { best = (merge.rank, index, merge.result) }
      }
      guard let best else { return }
      symbols[live[best.index]] = best.result
      symbols[live[best.index + 1]] = Self.dead
      live.remove(at: best.index + 1)
      ranks.remove(at: best.index)
      if best.index > 0 {
        ranks[best.index - 1] = table.merge(left: symbols[live[best.index - 1]], right: best.result)
      }
      if best.index < ranks.count {
        ranks[best.index] = table.merge(left: best.result, right: symbols[live[best.index + 1]])
      }
    }
  }

  private mutating func mergeLong(by table: MergeTable) {
    let count = symbols.count
    next.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
    heap.removeAll(keepingCapacity: true)
    for place in 0..<count {
      next.append(Int32(place + 1))
      previous.append(Int32(place - 1))
      if place + 1 < count, let candidate = candidate(at: place, symbols[place + 1], table) {
        heap.append(candidate)
      }
    }
    for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { siftDown(from: index) }

    while let best = popBest() {
      let place = Int(best.key & 0xFFFF_FFFF)
      guard symbols[place] == best.left else { continue }
      let removed = Int(next[place])
      guard removed < count, symbols[removed] == best.right else { continue }
      symbols[place] = best.result
      symbols[removed] = Self.dead
      let after = Int(next[removed])
      next[place] = Int32(after)
      if after < count {
        previous[after] = Int32(place)
        if let candidate = candidate(at: place, symbols[after], table) { push(candidate) }
      }
      let before = Int(previous[place])
      if before >= 0, let candidate = candidate(at: before, best.result, table) { push(candidate) }
    }
  }

  private func candidate(at place: Int, _ right: Int32, _ table: MergeTable) -> Candidate? {
    let left = symbols[place]
    guard left >= 0, right >= 0, let merge = table.merge(left: left, right: right) else { return nil }
    return Candidate(
      key: UInt64(merge.rank) << 32 | UInt64(place), left: left, right: right, result: merge.result)
  }

  // MARK: - Heap

  private mutating func push(_ candidate: Candidate) {
    heap.append(candidate)
    var index = heap.count - 1
    while index > 0 {
      let parent = (index - 1) / 2
      guard candidate.key < heap[parent].key else { break }
      heap[index] = heap[parent]
      index = parent
    }
    heap[index] = candidate
  }

  private mutating func popBest() -> Candidate? {
    guard let best = heap.first, let last = heap.popLast() else { return nil }
    if !heap.isEmpty {
      heap[0] = last
      siftDown(from: 0)
    }
    return best
  }

  private mutating func siftDown(from start: Int) {
    let candidate = heap[start]
    var index = start
    while true {
      var child = 2 * index + 1
      guard child < heap.count else { break }
      if child + 1 < heap.count, heap[child + 1].key < heap[child].key { child += 1 }
      guard heap[child].key < candidate.key else { break }
      heap[index] = heap[child]
      index = child
    }
    heap[index] = candidate
  }
}
