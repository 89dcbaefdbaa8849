internal import Bytes
internal import Quantization
internal import Tensors

/// Blocks of a ggml type, whose scales a number of the matrix may be multiplied with.
struct BlockPlane: GroupPlane {
  let blocks: GroupedBlocks
  let encoding: Encoding
  let columns: Int
  /// That of each matrix of a stack, and the rows of one; none where there are none.
  var factors: [StoredNumbers.Factor] = []
  var rowsPerFactor = 0

  func write(
    _ groups: EncodedGroups, rows: Range<Int>, _ put: (RawSpan, PlaneLines) throws(FileError) -> Void
  ) throws(FileError) -> Bool {
    guard let count = encoding.byteCount(elements: rows.count * columns),
      let start = encoding.byteCount(elements: rows.lowerBound * columns)
    else { return false }
    var groups = groups
    guard dividing(&groups, rows) else { return false }
    var isKept = false
    let bytes = [UInt8](count: count) { isKept = blocks.close(groups, into: &$0) }
    guard isKept else { return false }
    try bytes.withBytes { bytes throws(FileError) in try put(bytes, .run(at: start, of: count)) }
    return true
  }

  /// Makes scales what is stored of them.
  /// - Returns: false where one is not kept.
  private func dividing(_ groups: inout EncodedGroups, _ rows: Range<Int>) -> Bool {
    guard !factors.isEmpty else { return true }
    let groupsPerRow = columns / blocks.columns
    let format = GroupForm(blocks).scales
    var row = rows.lowerBound
    while row < rows.upperBound {
      let matrix = row / rowsPerFactor
      let end = min(rows.upperBound, (matrix + 1) * rowsPerFactor)
      let own = (row - rows.lowerBound) * groupsPerRow..<(end - rows.lowerBound) * groupsPerRow
      let plane = NumberPlane(format: format, rows: 0, factor: factors[matrix])
      guard let stored = plane.bytes(of: Array(groups.scales[own])) else { return false }
      groups.scales.replaceSubrange(own, with: format.decode(stored))
      row = end
    }
    return true
  }
}
