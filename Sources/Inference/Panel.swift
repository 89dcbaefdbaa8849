/// Sizes of the pieces in which a multiplication is done. They are fixed, because how sums are split decides their
/// last bits: results must not depend on the number of workers.
enum Panel {
  /// Rows of a weight that are decoded at a time. Larger panels repeat the packing of the tokens less often inside the
  /// multiplication: at 128 it took 16 % of the time, at 256 9 %, at 384 7 %.
  static let rows = 256
  /// Tokens of one multiplication.
  static let tokens = 1024
  /// Queries of one block of attention scores.
  static let queries = 128

  /// Pieces of `size` that cover `0..<count`; the last may be shorter.
  static func pieces(_ count: Int, of size: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: size).map { $0..<min($0 + size, count) }
  }
}
