internal import Bytes
internal import Quantization
internal import Tensors

/// Codes that run down the columns of a stored matrix of 32-bit words, which has the weight the other way round.
struct ColumnCodePlane: GroupPlane {
  let bits: Int
  /// Of the weight.
  let rows: Int
  let columns: Int

  var isTurned: Bool { true }

  func write(
    _ groups: EncodedGroups, rows part: Range<Int>, _ put: (RawSpan, PlaneLines) throws(FileError) -> Void
  ) throws(FileError) -> Bool {
    let wordRows = columns * bits / 32
    let words = [UInt8](count: 4 * wordRows * part.count) { words in
      groups.codes.withBytes {
        KernelSet.best.packColumns($0, stride: columns, columns: part.count, bits: bits, into: &words)
      }
    }
    let lines = PlaneLines(width: 4 * rows, lower: 4 * part.lowerBound, count: 4 * part.count)
    try words.withBytes { words throws(FileError) in try put(words, lines) }
    return true
  }
}
