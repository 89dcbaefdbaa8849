public import Tensors

extension Encoding {
  /// 256 elements: scale F16, low bytes of points[64], high bits of points[8], signs[32], scales[4].
  public static let iq3_s = Encoding(name: "iq3_s", elementsPerBlock: 256, bytesPerBlock: 110)
}

/// `iq3_s`: 64 points of a lattice of 512 with four coordinates. `value = scale * (1 + 2 * code) * coordinate`.
///
/// A point is nine bits, the uppermost apart; every eight points share a scale of four bits.
/// Source: ggml `dequantize_row_iq3_s`.
public struct IQ3_S: DecodingBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .iq3_s }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    return (0..<64).flatMap { index in
      let group = index / 8
      let high = Int(bytes[66 + group] >> UInt8(index % 8)) & 1
      let scaleCode = bytes[106 + group / 2] >> UInt8(group % 2 * 4) & 15
      let signs = bytes[74 + index / 2] >> UInt8(index % 2 * 4)
      return SignedPoints.values(
        Lattice.iq3S.points[high << 8 | Int(bytes[2 + index])], signs: signs,
        scale: scale * Float(1 + 2 * Int(scaleCode)))
    }
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeIQ3_S(bytes, into: &values)
  }
}
