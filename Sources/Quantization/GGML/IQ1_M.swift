public import Tensors

extension Encoding {
  /// 256 elements: low bytes of points[32], high bits and directions[16], four words of scales.
  public static let iq1_m = Encoding(name: "iq1_m", elementsPerBlock: 256, bytesPerBlock: 56)
}

/// `iq1_m`: 32 points of a lattice of 2048 with eight coordinates -1, 0, 1, moved by an eighth.
/// `value = scale * (1 + 2 * code) * (coordinate +- 1/8)`.
///
/// Each point has three high bits and whether it is moved down. A word has four scales of three bits, each for two
/// points, and at the top four bits of the F16 scale, the lowest in the first word.
/// Source: ggml `dequantize_row_iq1_m`.
public struct IQ1_M: DecodingBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .iq1_m }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let words = (0..<4).map { SignedPoints.halfWord(bytes, 48 + 2 * $0) }
    let half = words.reversed().reduce(0) { $0 << 4 | $1 >> 12 }
    let scale = SmallFloat.f16.value(of: UInt16(half))
    return (0..<32).flatMap { index in
      let high = Int(bytes[32 + index / 2] >> UInt8(index % 2 * 4))
      let scaleCode = words[index / 8] >> (index % 8 / 2 * 3) & 7
      return MovedPoint.values(
        (high & 7) << 8 | Int(bytes[index]), isDown: high & 8 != 0, scale: scale * Float(1 + 2 * scaleCode))
    }
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeIQ1_M(bytes, into: &values)
  }
}
