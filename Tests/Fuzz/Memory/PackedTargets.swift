internal import Bytes
internal import FuzzSupport
internal import Packed

extension MemoryTargets {
  static let packed = FuzzTarget("packed", seeds: ["Formats/Packed/Fixtures"]) { bytes in
    let source = InputBytes(bytes)
    let index = try PackedIndex(readingFrom: source)
    try checkRoundTrip(of: index)
    let file = try PackedFile(source)
    try FuzzFinding.unless(file.byteCount == index.byteCount, "the file has another length than its index says")
    let count = min(file.byteCount, 1 << 20)
    // The end first: it begins inside a slab.
    _ = try file.bytes(at: file.byteCount - count, count: count)
    _ = try file.bytes(at: 0, count: count)
  }

  /// The index before it is compressed: under its checksum, hardly a change of the file would reach it. The first four
  /// bytes are the length of the frames.
  static let packedIndex = FuzzTarget("packed-index", seeds: ["Tests/Fuzz/Seeds/packed-index"]) { bytes in
    guard bytes.count >= 4 else { return }
    let length = bytes.prefix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
    let fields = Array(bytes.dropFirst(4))
    let index = try PackedIndex(fields: fields, indexOffset: length, path: "input")
    try FuzzFinding.unless(index.fields == fields, "the index is another when written again")
    if length < 1 << 20 { try checkRoundTrip(of: index) }
  }

  /// The index must be read again from the end of a file with frames of the same lengths.
  private static func checkRoundTrip(of index: PackedIndex) throws(FuzzFinding) {
    let frames = index.frameByteCounts.reduce(0) { $0 + Int($1) }
    var bytes = index.opening.bytes + [UInt8](repeating: 0, count: frames)
    let offset = bytes.count
    bytes += try FuzzFinding.ifThrows("the index cannot be written again") {
      try index.closing(at: offset, path: "again")
    }
    let again = try FuzzFinding.ifThrows("the index cannot be read again") {
      try PackedIndex(readingFrom: InputBytes(bytes, path: "again"))
    }
    try FuzzFinding.unless(again == index, "the index is another when read again")
  }
}
