internal import Bytes
internal import Quantization
internal import Tensors

/// Scales or biases, one for each group of each row, or of rows that share them.
struct NumberPlane: GroupPlane {
  enum Which: Sendable { case scales, offsets }

  var which = Which.scales
  let format: NumberFormat
  /// Of the weight, and the rows that share a number; 0 for all.
  let rows: Int
  var rowsPerNumber = 1
  /// Whether the numbers of a group lie side by side, and not those of a row.
  var isTransposed = false
  var factor = StoredNumbers.Factor.none

  func write(
    _ groups: EncodedGroups, rows part: Range<Int>, _ put: (RawSpan, Int) throws(FileError) -> Void
  ) throws(FileError) -> Bool {
    let numbers = which == .scales ? groups.scales : groups.offsets
    let lines = rowsPerNumber == 0 ? 1 : part.count.dividedRoundingUp(by: rowsPerNumber)
    let first = rowsPerNumber == 0 ? 0 : part.lowerBound / rowsPerNumber
    let size = format.byteCount
    let width = numbers.count / max(1, lines)
    guard isTransposed else {
      guard let bytes = bytes(of: numbers) else { return false }
      try bytes.withBytes { bytes throws(FileError) in try put(bytes, first * width * size) }
      return true
    }
    guard let bytes = bytes(of: KernelSet.best.transposed(numbers, rows: lines, columns: width)) else { return false }
    try PlaneLines(width: rows * size, lower: first * size, count: lines * size).put(bytes, put)
    return true
  }

  /// What is stored; nil where a number is not kept by it.
  func bytes(of numbers: [Float]) -> [UInt8]? {
    guard factor != .none else { return format.encode(numbers) }
    // The nearest stored number is the one, if any is.
    let stored = numbers.map { number -> Float in
      let value = factor.stored(number)
      return format == .e4m3 ? SmallFloat.f8E4M3.code(of: value).map(SmallFloat.f8E4M3.value) ?? value : value
    }
    var found = stored
    factor.apply(to: &found)
    return found == numbers ? format.encode(stored) : nil
  }
}
