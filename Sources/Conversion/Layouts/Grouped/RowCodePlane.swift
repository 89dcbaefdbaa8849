internal import Bytes
internal import Quantization
internal import Tensors

/// Codes along the rows, each row a stream of bits that fills `rowBytes`.
struct RowCodePlane: GroupPlane {
  let bits: Int
  let columns: Int
  let rowBytes: Int
  /// What put codes of a group side by side, if anything did.
  var sort: ColumnSort?

  func write(
    _ groups: EncodedGroups, rows: Range<Int>, _ put: (RawSpan, PlaneLines) throws(FileError) -> Void
  ) throws(FileError) -> Bool {
    let ordered = sort.map { $0.restored(groups.codes) } ?? groups.codes
    let bytes = ordered.withBytes { codes in
      guard rowBytes * 8 != columns * bits else {
        return [UInt8](count: rows.count * rowBytes) { KernelSet.best.pack(codes, bits: bits, into: &$0) }
      }
      var bytes = [UInt8](repeating: 0, count: rows.count * rowBytes)
      let used = (columns * bits).dividedRoundingUp(by: 8)
      for row in 0..<rows.count {
        bytes.withMutableBytes(in: row * rowBytes..<row * rowBytes + used) {
          KernelSet.best.pack(codes.extracting(row * columns..<(row + 1) * columns), bits: bits, into: &$0)
        }
      }
      return bytes
    }
    let lines = PlaneLines.run(at: rows.lowerBound * rowBytes, of: bytes.count)
    try bytes.withBytes { bytes throws(FileError) in try put(bytes, lines) }
    return true
  }
}
