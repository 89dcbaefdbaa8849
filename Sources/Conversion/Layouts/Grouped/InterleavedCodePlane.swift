internal import Bytes
internal import Quantization
internal import Tensors

/// Codes of eight neighbouring rows in a word of 32 bits, in AWQ's order; the stored matrix has the weight the other way round.
struct InterleavedCodePlane: GroupPlane {
  /// Of the weight.
  let rows: Int
  let columns: Int

  var rowMultiple: Int { 8 }
  var isTurned: Bool { true }

  func write(
    _ groups: EncodedGroups, rows part: Range<Int>, _ put: (RawSpan, PlaneLines) throws(FileError) -> Void
  ) throws(FileError) -> Bool {
    try write(codes: groups.codes, rows: part, put)
    return true
  }

  /// - Parameter codes: of the rows, `columns` each.
  func write(
    codes: [UInt8], rows part: Range<Int>, _ put: (RawSpan, PlaneLines) throws(FileError) -> Void
  ) throws(FileError) {
    let words = [UInt8](count: columns * part.count / 2) { words in
      codes.withBytes {
        KernelSet.best.packWordRows($0, rows: columns, order: InterleavedCodes.order, into: &words)
      }
    }
    let lines = PlaneLines(width: rows / 2, lower: part.lowerBound / 2, count: part.count / 2)
    try words.withBytes { words throws(FileError) in try put(words, lines) }
  }
}
