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
    var codes = [UInt8](repeating: 0, count: count / 4)
    try codes.withMutableBytes { part throws(FileError) in try source.read(self.codes, at: first, into: &part) }
    var scales = [Float](repeating: 0, count: codes.count)
    var span = scales.mutableSpan
    DoubleQuantization.decode(
      codes.span, from: first, nestedAbsmax: nestedAbsmax.span, offset: offset, map: map, into: &span)
    bytes.withMutableBytes(in: start..<start + count) { part in part.copy(scales.span, at: 0) }
  }
}
