internal import Bytes

/// The bytes of a pickle, read in pieces.
struct PickleBytes {
  let source: any ByteSource
  /// Where the pickle has to end.
  let end: Int
  private var piece: [UInt8] = []
  private var pieceStart: Int
  private var place = 0
  private static let pieceByteCount = 1 << 18

  init(_ source: any ByteSource, at start: Int, end: Int) {
    self.source = source
    self.end = end
    pieceStart = start
  }

  /// Bytes from the start of the file.
  var offset: Int { pieceStart + place }

  mutating func byte() throws(FileError) -> UInt8 {
    if place == piece.count { try fill(1) }
    defer { place += 1 }
    return piece[place]
  }

  /// A whole number of `count` bytes, at most 8, the least significant first. Read as one without a sign.
  mutating func number(_ count: Int) throws(FileError) -> UInt64 {
    if piece.count - place < count { try fill(count) }
    defer { place += count }
    var value: UInt64 = 0
    for index in (place..<place + count).reversed() { value = value << 8 | UInt64(piece[index]) }
    return value
  }

  mutating func bytes(_ count: Int) throws(FileError) -> ArraySlice<UInt8> {
    if piece.count - place < count { try fill(count) }
    defer { place += count }
    return piece[place..<place + count]
  }

  /// The bytes up to a line end, at most `most`.
  mutating func line(most: Int) throws(FileError) -> [UInt8]? {
    var line: [UInt8] = []
    while true {
      let next = try byte()
      if next == 0x0A { return line }
      guard line.count < most else { return nil }
      line.append(next)
    }
  }

  mutating func skip(_ count: Int) throws(FileError) {
    guard count <= end - offset else { throw ends() }
    if count <= piece.count - place {
      place += count
    } else {
      pieceStart = offset + count
      piece = []
      place = 0
    }
  }

  /// Makes sure that the next `count` bytes are in the piece.
  private mutating func fill(_ count: Int) throws(FileError) {
    let start = offset
    guard count <= end - start else { throw ends() }
    piece = try source.bytes(at: start, count: min(max(count, Self.pieceByteCount), end - start))
    pieceStart = start
    place = 0
  }

  private func ends() -> FileError {
    TorchPickleRule.pickleEnd.broken(
      .truncated, path: source.path, at: offset, "the pickle goes on behind byte \(end), where it should have ended")
  }
}
