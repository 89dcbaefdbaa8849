/// Sizes of the pieces in which a multiplication is done. They are fixed, because how sums are split decides their
/// last bits: results must not depend on the number of workers.
enum Panel {
  /// The most rows of a weight that are decoded and multiplied at a time.
  static let largestRows = 512

  /// Rows of the panels of a weight. Each multiplication packs its tokens anew: that takes a seventh of the time with
  /// panels of 256 rows, and half as much with 512. Weights of fewer rows keep enough panels to go around.
  /// Rows longer than 32,768 elements make shorter panels, so that one takes 64 MiB at most, or has one row.
  static func rows(of outputs: Int, columns: Int) -> Int {
    let rows = outputs < 4096 ? largestRows / 2 : largestRows
    return max(1, min(rows, largestElements / max(columns, 1)))
  }

  /// Elements of a panel at most.
  private static let largestElements = 1 << 24

  /// Tokens of one multiplication.
  static let tokens = 1024
  /// Queries of one block of attention scores.
  static let queries = 128

  /// Pieces of `size` that cover `0..<count`; the last may be shorter.
  static func pieces(_ count: Int, of size: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
  }
}
