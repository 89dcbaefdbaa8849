public import Tensors

extension Encoding {
  /// 256 elements: scale F16, low bytes of points[32], signs[32], high bits of points[8], scales[8].
  public static let iq2_s = Encoding(name: "iq2_s", elementsPerBlock: 256, bytesPerBlock: 82)
}

/// `iq2_s`: 32 points of a lattice of 1024 with eight coordinates. `value = scale * (0.5 + code) / 4 * coordinate`.
///
/// A point is ten bits, the upper two apart; every two points share a scale of four bits.
/// Source: ggml `dequantize_row_iq2_s`.
public struct IQ2_S: DecodingBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .iq2_s }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    return (0..<32).flatMap { index in
      let high = Int(bytes[66 + index / 4] >> UInt8(index % 4 * 2)) & 3
      let scaleCode = bytes[74 + index / 4] >> UInt8(index % 4 / 2 * 4) & 15
      let point = Lattice.iq2S.points[high << 8 | Int(bytes[2 + index])]
      let pairScale = scale * (0.5 + Float(scaleCode)) * 0.25
      return SignedPoints.values(point, signs: bytes[34 + index], scale: pairScale)
    }
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeIQ2_S(bytes, into: &values)
  }
}
