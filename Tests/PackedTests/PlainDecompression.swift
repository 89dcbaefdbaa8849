import Bytes
@testable import Packed

/// What `zstd -d` makes of a file: the contents of all its frames, one after the other.
enum PlainDecompression {
  struct Failure: Error {}

  static func bytes(of file: [UInt8]) throws -> [UInt8] {
    var plain: [UInt8] = []
    var rest = file[...]
    while !rest.isEmpty {
      let frame = Array(rest)
      guard let length = Zstandard.frameByteCount(frame.span) else { throw Failure() }
      rest = rest.dropFirst(length)
      // Frames that are passed over hold nothing.
      guard frame.prefix(4).reversed().reduce(0, { $0 << 8 | UInt32($1) }) != Zstandard.skippableMagic else { continue }
      var content = [UInt8](repeating: 0, count: Zstandard.contentByteCount(frame.span) ?? 0)
      let problem = content.withMutableBytes { Zstandard.unpack(frame.span.extracting(0..<length), into: &$0) }
      guard problem == nil else { throw Failure() }
      plain += content
    }
    return plain
  }
}
