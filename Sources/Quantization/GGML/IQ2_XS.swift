public import Tensors

extension Encoding {
  /// 256 elements: scale F16, points[32] U16, scales[8].
  public static let iq2_xs = Encoding(name: "iq2_xs", elementsPerBlock: 256, bytesPerBlock: 74)
}

/// `iq2_xs`: 32 points of a lattice of 512 with eight coordinates. `value = scale * (0.5 + code) / 4 * coordinate`.
///
/// A point is nine bits and seven signs; every two points share a scale of four bits.
/// Source: ggml `dequantize_row_iq2_xs`.
public struct IQ2_XS: DecodingBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .iq2_xs }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    return (0..<32).flatMap { index in
      let code = SignedPoints.halfWord(bytes, 2 + 2 * index)
      let scaleCode = bytes[66 + index / 4] >> UInt8(index % 4 / 2 * 4) & 15
      let signs = SignedPoints.even(UInt32(code >> 9))
      let pairScale = scale * (0.5 + Float(scaleCode)) * 0.25
      return SignedPoints.values(Lattice.iq2XS.points[code & 511], signs: signs, scale: pairScale)
    }
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeIQ2_XS(bytes, into: &values)
  }
}
