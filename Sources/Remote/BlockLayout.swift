/// How a file is cut into blocks: short ones at its beginning, where headers are, of which often no more is read.
struct BlockLayout: Sendable {
  let byteCount: Int

  /// The first block.
  static let headByteCount = 64 << 10
  /// Where the blocks before those of full length begin.
  private static let starts = [0, headByteCount, 1 << 20]

  func number(at offset: Int) -> Int {
    offset >= BlockCache.blockSize
      ? offset / BlockCache.blockSize + Self.starts.count - 1
      : (Self.starts.lastIndex { $0 <= offset } ?? 0)
  }

  func range(of number: Int) -> Range<Int> {
    func start(_ number: Int) -> Int {
      min(
        byteCount,
        number < Self.starts.count
          ? Self.starts[number] : (number - Self.starts.count + 1) * BlockCache.blockSize)
    }
    return start(number)..<start(number + 1)
  }

  /// Number of blocks.
  var count: Int { byteCount == 0 ? 0 : number(at: byteCount - 1) + 1 }

  func isLong(_ number: Int) -> Bool { number >= Self.starts.count }
}
