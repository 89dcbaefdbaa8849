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
    _ groups: EncodedGroups, rows part: Range<Int>, _ put: (RawSpan, PlaneLines) throws(FileError) -> Void
  ) throws(FileError) -> Bool {
    let numbers = which == .scales ? groups.scales : groups.offsets
    let lines = rowsPerNumber == 0 ? 1 : part.count.dividedRoundingUp(by: rowsPerNumber)
    let first = rowsPerNumber == 0 ? 0 : part.lowerBound / rowsPerNumber
    let size = format.byteCount
    let width = numbers.count / max(1, lines)
    let ordered = isTransposed ? KernelSet.best.transposed(numbers, rows: lines, columns: width) : numbers
    guard let bytes = bytes(of: ordered) else { return false }
    let place =
      isTransposed
      ? PlaneLines(width: rows * size, lower: first * size, count: lines * size)
      : .run(at: first * width * size, of: bytes.count)
    try bytes.withBytes { bytes throws(FileError) in try put(bytes, place) }
    return true
  }

  /// What is stored; nil where a number is not kept by it.
  func bytes(of numbers: [Float]) -> [UInt8]? {
    guard factor != .none else { return format.encode(numbers) }
    // The nearest stored number is the one, if any is.
    guard let nearest = format.nearest(numbers.map(factor.stored)) else { return nil }
    var found = format.decode(nearest)
    factor.apply(to: &found)
    return KernelSet.best.areEqual(found.span, numbers.span) ? nearest : nil
  }
}
