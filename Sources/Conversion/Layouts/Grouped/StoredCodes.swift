internal import Bytes
internal import Quantization
internal import Tensors

/// The codes of a matrix as a stored tensor has them, packed one way or another.
protocol StoredCodes: Sendable {
  /// A read begins at a multiple of so many columns, and ends at one or at the end of a row.
  var columnAlignment: Int { get }
  /// Whether the stored matrix has the weight the other way round, so that the more rows are read the longer are its lines.
  var isByColumns: Bool { get }

  /// The codes of a part, a byte each, row after row.
  func codes(of part: RowPart, from source: any TensorSource) throws(FileError) -> [UInt8]
}

extension StoredCodes {
  var isByColumns: Bool { false }

  /// The codes of any part of a matrix of `columns` columns.
  func codes(ofAny part: RowPart, columns: Int, from source: any TensorSource) throws(FileError) -> [UInt8] {
    let first = part.columns.lowerBound / columnAlignment * columnAlignment
    let last = min(columns, part.columns.upperBound.dividedRoundingUp(by: columnAlignment) * columnAlignment)
    guard first != part.columns.lowerBound || last != part.columns.upperBound else {
      return try codes(of: part, from: source)
    }
    let wide = try codes(of: RowPart(rows: part.rows, columns: first..<last), from: source)
    var codes: [UInt8] = []
    codes.reserveCapacity(part.count)
    for row in 0..<part.rows.count {
      let start = row * (last - first) + part.columns.lowerBound - first
      codes += wide[start..<start + part.columns.count]
    }
    return codes
  }
}

/// Codes along the rows, each row a stream of bits, the earlier code in the lower bits; the rest of a row's last word is
/// not used.
struct RowCodes: StoredCodes {
  /// The stored tensor.
  let name: String
  let bits: Int
  let columns: Int
  let rowBytes: Int
  /// Added to every 32-bit word before codes are taken out of it, modulo 2^32.
  var wordAddend: UInt32 = 0

  // Where codes are whole bytes again, and where words are whole.
  var columnAlignment: Int { 32 }

  func codes(of part: RowPart, from source: any TensorSource) throws(FileError) -> [UInt8] {
    guard part.count > 0 else { return [] }
    let width = part.columns.count
    let isRun = width == columns && rowBytes * 8 == columns * bits
    let line = isRun ? part.rows.count * rowBytes : (width * bits).dividedRoundingUp(by: 8)
    var bytes = try [UInt8](count: isRun ? line : part.rows.count * line) { bytes throws(FileError) in
      try source.readLines(
        name, at: part.rows.lowerBound * rowBytes + part.columns.lowerBound * bits / 8, stride: rowBytes, length: line,
        into: &bytes)
    }
    if wordAddend != 0 { KernelSet.best.add(wordAddend, toWordsOf: &bytes) }
    return [UInt8](count: part.count) { codes in
      bytes.withBytes { bytes in
        guard bytes.byteCount * 8 != part.count * bits else {
          return KernelSet.best.unpack(bytes, bits: bits, count: part.count, into: &codes)
        }
        for row in 0..<part.rows.count {
          var own = codes._mutatingExtracting(row * width..<(row + 1) * width)
          KernelSet.best.unpack(bytes.extracting(row * line..<(row + 1) * line), bits: bits, count: width, into: &own)
        }
      }
    }
  }
}

/// Codes along the rows, of which a 32-bit word has as many as fit whole: its upper bits may be unused.
struct WholeWordCodes: StoredCodes {
  let name: String
  let bits: Int
  let columns: Int

  private var codesPerWord: Int { 32 / bits }
  var columnAlignment: Int { codesPerWord }

  func codes(of part: RowPart, from source: any TensorSource) throws(FileError) -> [UInt8] {
    let words = part.columns.lowerBound / codesPerWord..<part.columns.upperBound.dividedRoundingUp(by: codesPerWord)
    let rowWords = columns.dividedRoundingUp(by: codesPerWord)
    var codes: [UInt8] = []
    codes.reserveCapacity(part.count)
    var bytes = [UInt8](repeating: 0, count: 4 * words.count)
    for row in part.rows {
      try bytes.withMutableBytes { bytes throws(FileError) in
        try source.read(name, at: 4 * (row * rowWords + words.lowerBound), into: &bytes)
      }
      for column in 0..<part.columns.count {
        let (word, place) = column.quotientAndRemainder(dividingBy: codesPerWord)
        let value = UInt32(littleEndian: bytes[4 * word..<4 * word + 4])
        codes.append(UInt8(truncatingIfNeeded: value >> UInt32(place * bits)) & UInt8(1 << bits - 1))
      }
    }
    return codes
  }
}

/// Codes that run down the columns of a stored matrix of 32-bit words, of which a word has as many as fit whole: the matrix is
/// stored the other way round than it is meant.
struct WholeWordColumnCodes: StoredCodes {
  let name: String
  let bits: Int
  /// Of the matrix that is meant: columns of words.
  let rows: Int

  var columnAlignment: Int { 32 / bits }
  var isByColumns: Bool { true }

  func codes(of part: RowPart, from source: any TensorSource) throws(FileError) -> [UInt8] {
    let wordRows =
      part.columns.lowerBound / columnAlignment..<part.columns.upperBound.dividedRoundingUp(by: columnAlignment)
    var codes = [UInt8](repeating: 0, count: part.count)
    let line = 4 * part.rows.count
    var bytes = [UInt8](repeating: 0, count: line * wordRows.count)
    try bytes.withMutableBytes { bytes throws(FileError) in
      try source.readLines(
        name, at: 4 * (wordRows.lowerBound * rows + part.rows.lowerBound), stride: 4 * rows, length: line, into: &bytes)
    }
    for place in 0..<wordRows.count {
      let first = place * columnAlignment
      for row in 0..<part.rows.count {
        let start = place * line + 4 * row
        let word = UInt32(littleEndian: bytes[start..<start + 4])
        for column in first..<min(first + columnAlignment, part.columns.count) {
          codes[row * part.columns.count + column] =
            UInt8(truncatingIfNeeded: word >> UInt32((column - first) * bits)) & UInt8(1 << bits - 1)
        }
      }
    }
    return codes
  }
}

/// Codes that run down the columns of a stored matrix of 32-bit words, each column a stream of bits: the matrix is stored the
/// other way round than it is meant. Source: AutoGPTQ's and GPTQModel's `qweight`.
struct ColumnCodes: StoredCodes {
  let name: String
  let bits: Int
  /// Of the matrix that is meant: columns of words.
  let rows: Int
  /// Of the matrix that is meant; the last word of a column may not be filled.
  let columns: Int

  var columnAlignment: Int { 32 }
  var isByColumns: Bool { true }

  func codes(of part: RowPart, from source: any TensorSource) throws(FileError) -> [UInt8] {
    guard part.count > 0 else { return [] }
    let wordRows = part.columns.lowerBound / 32 * bits..<(part.columns.upperBound * bits).dividedRoundingUp(by: 32)
    // Whole runs of 32 codes; what a column lacks of the last is zero.
    let runs = part.columns.count.dividedRoundingUp(by: 32)
    let width = part.rows.count
    let storedCount = 4 * wordRows.count * width
    let words = try [UInt8](count: 4 * runs * bits * width) { bytes throws(FileError) in
      var stored = bytes._mutatingExtracting(0..<storedCount)
      try source.readLines(
        name, at: 4 * (wordRows.lowerBound * rows + part.rows.lowerBound), stride: 4 * rows, length: 4 * width,
        into: &stored)
      for place in storedCount..<bytes.byteCount { bytes.store(UInt8(0), at: place) }
    }
    let stride = 32 * runs
    let codes = [UInt8](count: width * stride) { codes in
      words.withBytes { KernelSet.best.unpackColumns($0, columns: width, bits: bits, into: &codes, stride: stride) }
    }
    guard stride != part.columns.count else { return codes }
    var trimmed: [UInt8] = []
    trimmed.reserveCapacity(part.count)
    for row in 0..<width { trimmed += codes[row * stride..<row * stride + part.columns.count] }
    return trimmed
  }
}

/// Codes of four bits in words of eight neighbouring rows, in the order 0, 2, 4, 6, 1, 3, 5, 7 from the lowest nibble on:
/// the matrix is stored the other way round than it is meant. Source: AutoAWQ's `WQLinear_GEMM`.
struct InterleavedCodes: StoredCodes {
  let name: String
  /// Of the matrix that is meant, a multiple of eight.
  let rows: Int

  /// Which of eight rows each nibble of a word is of.
  static let order: [UInt8] = [0, 2, 4, 6, 1, 3, 5, 7]

  var columnAlignment: Int { 1 }
  var isByColumns: Bool { true }

  func codes(of part: RowPart, from source: any TensorSource) throws(FileError) -> [UInt8] {
    guard part.count > 0 else { return [] }
    let words = part.rows.lowerBound / 8..<part.rows.upperBound.dividedRoundingUp(by: 8)
    let depth = part.columns.count
    let line = 4 * words.count
    let bytes = try [UInt8](count: line * depth) { bytes throws(FileError) in
      try source.readLines(
        name, at: part.columns.lowerBound * rows / 2 + 4 * words.lowerBound, stride: rows / 2, length: line,
        into: &bytes)
    }
    let codes = [UInt8](count: 8 * words.count * depth) { codes in
      bytes.withBytes { KernelSet.best.unpackWordRows($0, rows: depth, order: Self.order, into: &codes) }
    }
    let skipped = part.rows.lowerBound - 8 * words.lowerBound
    return codes.count == part.count ? codes : Array(codes[skipped * depth..<(skipped + part.rows.count) * depth])
  }
}
