internal import Bytes

/// What a packed file begins with: a mark, the version, and from version 2 on a notice.
///
/// The planes of a packed file have the length of the original, and its header comes out of `zstd -d` as it was: without
/// the notice, what that gives would look like a model and hold other weights.
package enum PackedOpening: UInt32, Hashable, Sendable {
  case withoutNotice = 1
  case withNotice = 2

  /// What is written.
  package static let current = PackedOpening.withNotice

  /// What plain decompression begins with. No reader of models takes it for one.
  package static let notice =
    "This is no model. It is what `zstd -d` makes of a file that Decant has packed, with the bytes of its numbers apart. "
    + "`decant unpack` gives the original back.\n"

  /// The checksum that zstd keeps of the notice.
  private static let noticeChecksum: UInt32 = 0x037D_4567
  private static let magic = Array("DECANTPK".utf8)
  /// Bytes of the mark and the version.
  private static let leastByteCount = 24

  var version: UInt32 { rawValue }

  var byteCount: Int { bytes.count }

  package var bytes: [UInt8] {
    var writer = ByteWriter()
    writer.write(Zstandard.skippableMagic)
    writer.write(UInt32(Self.leastByteCount - 8))
    writer.write(contentsOf: Self.magic)
    writer.write(version)
    writer.write(UInt32(0))
    return self == .withNotice ? writer.bytes + Self.noticeFrame : writer.bytes
  }

  /// A frame of one raw block, with its length and a checksum: the same bytes whatever zstd is there.
  private static var noticeFrame: [UInt8] {
    let text = Array(notice.utf8)
    let block = UInt32(text.count) << 3 | 1
    var writer = ByteWriter()
    writer.write(UInt32(0xFD2F_B528))
    writer.write(UInt8(0b1110_0100))
    writer.write(UInt64(text.count))
    for shift in [0, 8, 16] { writer.write(UInt8(truncatingIfNeeded: block >> UInt32(shift))) }
    writer.write(contentsOf: text)
    writer.write(noticeChecksum)
    return writer.bytes
  }

  /// Whether a file begins as a packed file does.
  static func isPacked(_ file: any ByteSource) throws(FileError) -> Bool {
    guard file.byteCount >= leastByteCount else { return false }
    return Array(try file.bytes(at: 0, count: 16).suffix(8)) == magic
  }

  init(readingFrom file: any ByteSource) throws(FileError) {
    let path = file.path
    guard file.byteCount >= Self.leastByteCount else {
      throw PackedRule.opening.broken(
        .truncated, path: path, at: 0, "has \(file.byteCount) bytes, too few for a packed file")
    }
    let start = try file.bytes(at: 0, count: Self.leastByteCount)
    guard start.prefix(16).elementsEqual(Self.current.bytes.prefix(16)) else {
      throw PackedRule.opening.broken(
        path: path, at: 0, "does not begin as a packed file does; a file made by `zstd` is unpacked with `zstd -d`")
    }
    guard let opening = Self.all.first(where: { $0.bytes.starts(with: start) }) else {
      throw PackedRule.version.broken(
        .unsupported, path: path, at: 16, "is a packed file of another version; versions 1 and 2 are read")
    }
    let bytes = opening.bytes
    guard file.byteCount >= bytes.count, try file.bytes(at: 0, count: bytes.count) == bytes else {
      throw PackedRule.notice.broken(
        path: path, at: Self.leastByteCount, "the notice is another than that of version 2")
    }
    self = opening
  }

  private static let all: [PackedOpening] = [.withoutNotice, .withNotice]
}
