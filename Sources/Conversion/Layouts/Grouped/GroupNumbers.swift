internal import Bytes
internal import Quantization
internal import Tensors

/// A number for every group of a matrix: its scale, or what is added or taken away.
protocol GroupNumbers: Sendable {
  /// Those of some groups of some rows, row after row.
  func values(
    rows: Range<Int>, groups: Range<Int>, from source: any TensorSource
  ) throws(FileError) -> [Float]

  /// How each number is stored, and what is done with it: with all of a matrix the same.
  /// - Parameter matrix: the number of one in a stack; nil for all, where nil is the answer if they differ.
  func stored(ofMatrix matrix: Int?) -> (format: NumberFormat, factor: StoredNumbers.Factor)?
}

extension GroupNumbers {
  func stored(ofMatrix matrix: Int?) -> (format: NumberFormat, factor: StoredNumbers.Factor)? { nil }
}

/// One number for all.
struct ConstantNumber: GroupNumbers {
  let value: Float

  func values(
    rows: Range<Int>, groups: Range<Int>, from source: any TensorSource
  ) throws(FileError) -> [Float] { Array(repeating: value, count: rows.count * groups.count) }
}

/// Numbers of a stored tensor, each perhaps for several rows.
struct StoredNumbers: GroupNumbers {
  /// What is done with all of them.
  enum Factor: Hashable, Sendable {
    case none
    case times(Float)
    case dividedBy(Float)

    func apply(to numbers: inout [Float]) {
      switch self {
      case .none: break
      case .times(let factor): for index in numbers.indices { numbers[index] *= factor }
      case .dividedBy(let divisor): for index in numbers.indices { numbers[index] /= divisor }
      }
    }

    /// About what is stored of a number.
    func stored(_ number: Float) -> Float {
      switch self {
      case .none: number
      case .times(let factor): number / factor
      case .dividedBy(let divisor): number * divisor
      }
    }
  }

  let name: String
  let format: NumberFormat
  /// Of the matrix that is meant.
  let rows: Int
  /// Of a row, in the stored tensor.
  let groups: Int
  /// Rows that share their numbers.
  var rowsPerNumber = 1
  /// Whether the numbers of a group lie side by side, and not those of a row.
  var isTransposed = false
  var factor = Factor.none

  func stored(ofMatrix matrix: Int?) -> (format: NumberFormat, factor: Factor)? { (format, factor) }

  func values(
    rows: Range<Int>, groups: Range<Int>, from source: any TensorSource
  ) throws(FileError) -> [Float] {
    guard !rows.isEmpty, !groups.isEmpty else { return [] }
    let stored = rows.lowerBound / rowsPerNumber..<(rows.upperBound - 1) / rowsPerNumber + 1
    var numbers = isTransposed ? try transposed(stored, groups, source) : try plain(stored, groups, source)
    factor.apply(to: &numbers)
    guard rowsPerNumber > 1 else { return numbers }
    return rows.flatMap { row in
      let start = (row / rowsPerNumber - stored.lowerBound) * groups.count
      return numbers[start..<start + groups.count]
    }
  }

  private func plain(
    _ rows: Range<Int>, _ groups: Range<Int>, _ source: any TensorSource
  ) throws(FileError) -> [Float] {
    if groups.count == self.groups {
      return try lines(rows.lowerBound * self.groups, 1, stride: 0, length: rows.count * groups.count, source)
    }
    return try lines(
      rows.lowerBound * self.groups + groups.lowerBound, rows.count, stride: self.groups, length: groups.count, source)
  }

  private func transposed(
    _ rows: Range<Int>, _ groups: Range<Int>, _ source: any TensorSource
  ) throws(FileError) -> [Float] {
    let lines = try lines(
      groups.lowerBound * self.rows + rows.lowerBound, groups.count, stride: self.rows, length: rows.count, source)
    return KernelSet.best.transposed(lines, rows: groups.count, columns: rows.count)
  }

  /// So many lines of so many numbers, which begin `stride` numbers apart.
  private func lines(
    _ first: Int, _ count: Int, stride: Int, length: Int, _ source: any TensorSource
  ) throws(FileError) -> [Float] {
    let size = format.byteCount
    let bytes = try [UInt8](count: count * length * size) { bytes throws(FileError) in
      try source.readLines(name, at: first * size, stride: stride * size, length: length * size, into: &bytes)
    }
    return format.decode(bytes)
  }
}

/// Stored numbers, multiplied with a number for every matrix of a stack.
struct NumbersOfStack: GroupNumbers {
  let numbers: StoredNumbers
  /// One for each matrix.
  let factors: [Float]
  /// Of one matrix.
  let rows: Int

  func values(
    rows range: Range<Int>, groups: Range<Int>, from source: any TensorSource
  ) throws(FileError) -> [Float] {
    var values = try numbers.values(rows: range, groups: groups, from: source)
    for index in values.indices { values[index] *= factors[(range.lowerBound + index / groups.count) / rows] }
    return values
  }
}

/// Whole numbers that are packed like codes.
struct PackedNumbers: GroupNumbers {
  let codes: any StoredCodes
  /// Of a row of the packed matrix.
  let columns: Int
  /// Whether its rows are groups.
  let isTransposed: Bool
  /// What is added to a code, modulo `modulus`.
  var addend = 0
  var modulus = 256
  /// What is taken away last: stored numbers may be shifted to be unsigned.
  var shift: Float = 0

  func values(
    rows: Range<Int>, groups: Range<Int>, from source: any TensorSource
  ) throws(FileError) -> [Float] {
    let part = isTransposed ? RowPart(rows: groups, columns: rows) : RowPart(rows: rows, columns: groups)
    let found = try codes.codes(ofAny: part, columns: columns, from: source)
    func number(_ code: UInt8) -> Float { Float((Int(code) + addend) % modulus) - shift }
    // Where weights were rounded symmetrically all zeros are the same.
    if let first = found.first, KernelSet.best.isUniform(found) {
      return Array(repeating: number(first), count: found.count)
    }
    // One of 256 codes each.
    let table = (0...UInt8.max).map(number)
    let ordered =
      isTransposed ? KernelSet.best.transposed(found, rows: groups.count, columns: rows.count) : found
    var values = [Float](repeating: 0, count: ordered.count)
    var span = values.mutableSpan
    ordered.withBytes { KernelSet.best.decodeBytes($0, table: table, into: &span) }
    return values
  }
}
