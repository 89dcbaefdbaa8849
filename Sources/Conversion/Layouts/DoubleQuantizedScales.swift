internal import Bytes
internal import Quantization
internal import Tensors

/// The absmax scales of a blockwise weight, stored as 8-bit codes: `map[code] * nestedAbsmax[i / 256] + offset`.
struct DoubleQuantizedScales: Sendable {
  /// The stored tensor of the codes.
  let codes: String
  let nestedAbsmax: [Float]
  /// 256 values.
  let map: [Float]
  let offset: Float

  /// Writes the scales of blocks from number `first` on as F32 to `count` bytes of `bytes` from `start` on.
  func read(
    blocks first: Int, into bytes: inout [UInt8], at start: Int, count: Int, from source: any TensorSource
  ) throws(FileError) {
    let scales = count / 4
    let name = codes
    // The codes are read to the end of the space that their scales will take.
    let codeStart = start + count - scales
    try bytes.withMutableBytes(in: codeStart..<codeStart + scales) { part throws(FileError) in
      try source.read(name, at: first, into: &part)
    }
    for index in 0..<scales {
      let nested = nestedAbsmax[(first + index) / DoubleQuantization.blockSize]
      let bits = (map[Int(bytes[codeStart + index])] * nested + offset).bitPattern
      let place = start + index * 4
      bytes[place] = UInt8(truncatingIfNeeded: bits)
      bytes[place + 1] = UInt8(truncatingIfNeeded: bits >> 8)
      bytes[place + 2] = UInt8(truncatingIfNeeded: bits >> 16)
      bytes[place + 3] = UInt8(truncatingIfNeeded: bits >> 24)
    }
  }
}
