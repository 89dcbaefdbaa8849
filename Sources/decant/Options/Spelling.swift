/// The nearest of some words to one that is none of them.
enum Spelling {
  /// Nil where none is near enough to be meant.
  static func nearest(to word: String, in words: some Sequence<String>) -> String? {
    let plain = Self.plain(word)
    let distances = words.map { (word: $0, distance: distance(plain, Self.plain($0))) }
    guard let nearest = distances.min(by: { $0.distance < $1.distance }) else { return nil }
    return nearest.distance <= max(1, plain.count / 3) && nearest.distance < plain.count ? nearest.word : nil
  }

  /// `; did you mean X?`, or nothing.
  static func question(about word: String, in words: some Sequence<String>) -> String {
    nearest(to: word, in: words).map { "; did you mean \($0)?" } ?? ""
  }

  /// Case and separators are soon mistaken.
  private static func plain(_ word: String) -> [Character] { word.lowercased().filter { !"-_ .".contains($0) } }

  /// Characters to insert, remove, replace, or exchange with their neighbour.
  private static func distance(_ one: [Character], _ other: [Character]) -> Int {
    var before = [Int]()
    var last = Array(0...other.count)
    for (row, character) in one.enumerated() {
      var next = [row + 1]
      for (column, wanted) in other.enumerated() {
        var best = min(last[column + 1] + 1, next[column] + 1, last[column] + (character == wanted ? 0 : 1))
        if row > 0, column > 0, character == other[column - 1], one[row - 1] == wanted {
          best = min(best, before[column - 1] + 1)
        }
        next.append(best)
      }
      before = last
      last = next
    }
    return last[other.count]
  }
}
