internal import Bytes

/// The same part of each line of a stored matrix, from its first line on.
struct PlaneLines: Sendable {
  /// Bytes of a line.
  let width: Int
  /// The first byte of the part, and how many.
  let lower: Int
  let count: Int

  /// One run of bytes.
  static func run(at offset: Int, of count: Int) -> PlaneLines {
    PlaneLines(width: count, lower: offset, count: count)
  }

  /// Gives the part of each line with its offset in the matrix; whole lines together.
  /// - Parameter bytes: the parts, one after another.
  func forEach<Failure: Error>(
    in bytes: RawSpan, _ body: (RawSpan, Int) throws(Failure) -> Void
  ) throws(Failure) {
    guard count != width, count > 0 else { return try body(bytes, lower) }
    for line in 0..<bytes.byteCount / count {
      try body(bytes.extracting(line * count..<(line + 1) * count), line * width + lower)
    }
  }
}
