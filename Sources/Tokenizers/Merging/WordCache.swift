/// Remembers the ids of short words. Text repeats its words, and merging one costs far more than finding it here.
struct WordCache {
  /// A word of up to 31 bytes, held without an allocation.
  struct Key: Hashable {
    private var first: UInt64 = 0
    private var second: UInt64 = 0
    private var third: UInt64 = 0
    /// The last seven bytes, and the length in the highest.
    private var fourth: UInt64

    static let longest = 31

    /// Nil for a longer word.
    init?(_ text: Span<UInt8>, _ range: Range<Int>) {
      guard range.count <= Self.longest else { return nil }
      fourth = UInt64(range.count) << 56
      first = Self.packed(text, range, from: 0)
      guard range.count > 8 else { return }
      second = Self.packed(text, range, from: 8)
      guard range.count > 16 else { return }
      third = Self.packed(text, range, from: 16)
      guard range.count > 24 else { return }
      fourth |= Self.packed(text, range, from: 24)
    }

    private static func packed(_ text: Span<UInt8>, _ range: Range<Int>, from start: Int) -> UInt64 {
      var word: UInt64 = 0
      let begin = range.lowerBound + start
      for index in begin..<min(begin + 8, range.upperBound) { word = word << 8 | UInt64(text[index]) }
      return word
    }
  }

  private static let capacity = 1 << 16

  private var words: [Key: Range<Int32>] = [:]
  private var ids: [Int32] = []

  /// The word's ids, or nil where it is not known yet.
  func ids(of key: Key) -> ArraySlice<Int32>? {
    guard let range = words[key] else { return nil }
    return ids[Int(range.lowerBound)..<Int(range.upperBound)]
  }

  mutating func remember(_ key: Key, _ wordIDs: ArraySlice<Int32>) {
    if words.count == Self.capacity {
      words.removeAll(keepingCapacity: true)
      ids.removeAll(keepingCapacity: true)
    }
    let start = Int32(ids.count)
    ids.append(contentsOf: wordIDs)
    words[key] = start..<Int32(ids.count)
  }
}
