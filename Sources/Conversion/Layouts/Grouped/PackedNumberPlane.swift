internal import Bytes
internal import Quantization
internal import Tensors

/// Zeros, as whole numbers that are packed like codes.
struct PackedNumberPlane: GroupPlane {
  /// How a matrix of zeros, `[groups, rows]`, is packed.
  enum Packing: Sendable {
    /// A row for each group, a stream of bits along it.
    case alongRows
    /// The same in AWQ's order.
    case interleaved
    /// A column for each group, a stream of bits down it.
    case downColumns
  }

  let packing: Packing
  let bits: Int
  /// Of the weight.
  let rows: Int
  /// Of a row.
  let groups: Int
  /// What is added before it is stored, modulo `2^bits`.
  var addend = 0

  var rowMultiple: Int { 32 }

  func write(
    _ encoded: EncodedGroups, rows part: Range<Int>, _ put: (RawSpan, PlaneLines) throws(FileError) -> Void
  ) throws(FileError) -> Bool {
    guard var zeros = KernelSet.best.codes(ofZeros: encoded.offsets, bits: bits, addend: addend) else { return false }
    if packing != .interleaved { zeros = KernelSet.best.transposed(zeros, rows: part.count, columns: groups) }
    switch packing {
    case .interleaved:
      try InterleavedCodePlane(rows: rows, columns: groups).write(codes: zeros, rows: part, put)
    case .alongRows:
      let size = (part.count * bits).dividedRoundingUp(by: 8)
      var bytes = [UInt8](repeating: 0, count: groups * size)
      for group in 0..<groups {
        bytes.withMutableBytes(in: group * size..<(group + 1) * size) { bytes in
          zeros.withBytes(in: group * part.count..<(group + 1) * part.count) {
            KernelSet.best.pack($0, bits: bits, into: &bytes)
          }
        }
      }
      let lines = PlaneLines(width: rows * bits / 8, lower: part.lowerBound * bits / 8, count: size)
      try bytes.withBytes { bytes throws(FileError) in try put(bytes, lines) }
    case .downColumns:
      // The last word may not be filled.
      let wordRows = (part.count * bits).dividedRoundingUp(by: 32)
      let height = wordRows.dividedRoundingUp(by: bits) * 32
      var padded = [UInt8](repeating: 0, count: groups * height)
      for group in 0..<groups {
        padded.replaceSubrange(
          group * height..<group * height + part.count, with: zeros[group * part.count..<(group + 1) * part.count])
      }
      let allWordRows = height / 32 * bits
      var words = [UInt8](repeating: 0, count: 4 * allWordRows * groups)
      words.withMutableBytes { words in
        padded.withBytes {
          KernelSet.best.packColumns($0, stride: height, columns: groups, bits: bits, into: &words)
        }
      }
      try words.withBytes(in: 0..<4 * wordRows * groups) { words throws(FileError) in
        try put(words, .run(at: part.lowerBound * bits / 32 * 4 * groups, of: words.byteCount))
      }
    }
    return true
  }
}
