/// How many logits are held at a time.
public enum Logits {
  /// Bytes of a piece where nothing else is asked for: 128 MiB.
  public static let pieceByteCount = 128 << 20

  /// Splits `rows` rows of logits into pieces of at most `byteCount` bytes, of at least one row. The first piece is the
  /// largest.
  public static func pieces(rows: Int, vocabularySize: Int, byteCount: Int = pieceByteCount) -> [Range<Int>] {
    let size = max(1, byteCount / max(1, vocabularySize * MemoryLayout<Float>.stride))
    return stride(from: 0, to: rows, by: size).map { $0..<min($0 + size, rows) }
  }
}
