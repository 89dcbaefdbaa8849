public import Tensors

extension Encoding {
  /// 256 elements: scale F16, then eight groups: points[4], and a word of signs and a scale.
  public static let iq2_xxs = Encoding(name: "iq2_xxs", elementsPerBlock: 256, bytesPerBlock: 66)
}

/// `iq2_xxs`: 32 points of a lattice of 256 with eight coordinates. `value = scale * (0.5 + code) / 4 * coordinate`.
///
/// The word of a group of four points has four times seven signs, and at the top a scale of four bits.
/// Source: ggml `dequantize_row_iq2_xxs`.
public struct IQ2_XXS: DecodingBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .iq2_xxs }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    return SignedPoints.groups.flatMap { group in
      let word = SignedPoints.word(bytes, 6 + 8 * group)
      let groupScale = scale * (0.5 + Float(word >> 28)) * 0.25
      return (0..<4).flatMap { index in
        let point = Lattice.iq2XXS.points[Int(bytes[2 + 8 * group + index])]
        let signs = SignedPoints.even(word >> UInt32(7 * index) & 127)
        return SignedPoints.values(point, signs: signs, scale: groupScale)
      }
    }
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeIQ2_XXS(bytes, into: &values)
  }
}
