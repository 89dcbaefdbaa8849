internal import Bytes
internal import Quantization
internal import Tensors

/// Blocks of a ggml type.
struct BlockPlane: GroupPlane {
  let blocks: GroupedBlocks
  let encoding: Encoding
  let columns: Int

  func write(
    _ groups: EncodedGroups, rows: Range<Int>, _ put: (RawSpan, PlaneLines) throws(FileError) -> Void
  ) throws(FileError) -> Bool {
    guard let count = encoding.byteCount(elements: rows.count * columns),
      let start = encoding.byteCount(elements: rows.lowerBound * columns)
    else { return false }
    var bytes = [UInt8](repeating: 0, count: count)
    let isKept = bytes.withMutableBytes { blocks.close(groups, into: &$0) }
    guard isKept else { return false }
    try bytes.withBytes { bytes throws(FileError) in try put(bytes, .run(at: start, of: count)) }
    return true
  }
}
