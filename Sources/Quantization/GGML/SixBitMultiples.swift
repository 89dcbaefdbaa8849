/// The multiples of Q4_K and Q5_K: eight of six bits for scales and eight for minimums, in 12 bytes. The first four of
/// each fill the low bits of a byte; the others have four bits in the last bytes and two in the high bits of the first
/// ones.
///
/// Source: ggml `get_scale_min_k4`.
struct SixBitMultiples {
  var scales: [Int]
  var minimums: [Int]

  static let byteCount = 12

  init(scales: [Int], minimums: [Int]) {
    (self.scales, self.minimums) = (scales, minimums)
  }

  init(bytes: ArraySlice<UInt8>) {
    let bytes = bytes.prefix(Self.byteCount).map { Int($0) }
    scales = (0..<4).map { bytes[$0] & 63 } + (0..<4).map { bytes[$0 + 8] & 15 | (bytes[$0] >> 6) << 4 }
    minimums = (4..<8).map { bytes[$0] & 63 } + (4..<8).map { bytes[$0 + 4] >> 4 | (bytes[$0] >> 6) << 4 }
  }

  /// A multiple of more than six bits spills over into another one, as it does in ggml.
  var bytes: [UInt8] {
    let first = [scales, minimums].flatMap { all in (0..<4).map { all[$0] | (all[$0 + 4] >> 4) << 6 } }
    let last = (4..<8).map { scales[$0] & 15 | (minimums[$0] & 15) << 4 }
    return (first + last).map { UInt8(truncatingIfNeeded: $0) }
  }
}
