internal import Bytes
internal import Tensors

/// Codes of a matrix whose rows are cut into as many runs as a word holds codes. The runs lie over one another: row `r` of what
/// is stored has the codes of the rows `r`, `r + storedRows`, `r + 2 storedRows` ... Source: hqq `core/bitpack.py`,
/// optimum-quanto `tensor/packed.py`.
struct StackedCodes: StoredCodes {
  /// How many codes lie in a word, and where.
  struct Word: Sendable {
    let bits: Int
    let codes: Int
    var byteCount = 1
    /// Whether the first run has the highest bits that are used, and not the lowest.
    let isHighFirst: Bool
  }

  let name: String
  let word: Word
  let storedRows: Int
  let columns: Int

  var columnAlignment: Int { 1 }

  func codes(of part: RowPart, from source: any TensorSource) throws(FileError) -> [UInt8] {
    var codes: [UInt8] = []
    codes.reserveCapacity(part.count)
    guard part.count > 0 else { return codes }
    var row = part.rows.lowerBound
    while row < part.rows.upperBound {
      let (run, first) = row.quotientAndRemainder(dividingBy: storedRows)
      let count = min(part.rows.upperBound - row, storedRows - first)
      let bytes = try words(of: RowPart(rows: first..<first + count, columns: part.columns), source)
      let shift = word.bits * (word.isHighFirst ? word.codes - 1 - run : run)
      let mask = UInt8(truncatingIfNeeded: 1 << word.bits - 1)
      // A code lies in at most two bytes of its word.
      let low = shift / 8
      let high = min(low + 1, word.byteCount - 1)
      let rest = UInt16(truncatingIfNeeded: shift % 8)
      for start in stride(from: 0, to: bytes.count, by: word.byteCount) {
        let pair = UInt16(bytes[start + low]) | UInt16(bytes[start + high]) << 8
        codes.append(UInt8(truncatingIfNeeded: pair >> rest) & mask)
      }
      row += count
    }
    return codes
  }

  /// The stored words of a part, row after row.
  private func words(of part: RowPart, _ source: any TensorSource) throws(FileError) -> [UInt8] {
    let size = word.byteCount
    var bytes = [UInt8](repeating: 0, count: part.count * size)
    if part.columns.count == columns {
      try bytes.withMutableBytes { bytes throws(FileError) in
        try source.read(name, at: part.rows.lowerBound * columns * size, into: &bytes)
      }
      return bytes
    }
    let line = part.columns.count * size
    for (place, row) in part.rows.enumerated() {
      try bytes.withMutableBytes(in: place * line..<(place + 1) * line) { bytes throws(FileError) in
        try source.read(name, at: (row * columns + part.columns.lowerBound) * size, into: &bytes)
      }
    }
    return bytes
  }
}
