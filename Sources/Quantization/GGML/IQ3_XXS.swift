public import Tensors

extension Encoding {
  /// 256 elements: scale F16, points[64], eight words of signs and a scale.
  public static let iq3_xxs = Encoding(name: "iq3_xxs", elementsPerBlock: 256, bytesPerBlock: 98)
}

/// `iq3_xxs`: 64 points of a lattice of 256 with four coordinates. `value = scale * (0.5 + code) / 2 * coordinate`.
///
/// The word of a group of eight points has four times seven signs, each for two points, and at the top a scale of four
/// bits. Source: ggml `dequantize_row_iq3_xxs`.
public struct IQ3_XXS: DecodingBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .iq3_xxs }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    return SignedPoints.groups.flatMap { group in
      let word = SignedPoints.word(bytes, 66 + 4 * group)
      let groupScale = scale * (0.5 + Float(word >> 28)) * 0.5
      return (0..<4).flatMap { pair in
        let codes = bytes[2 + 8 * group + 2 * pair..<4 + 8 * group + 2 * pair]
        let signs = SignedPoints.even(word >> UInt32(7 * pair) & 127)
        return SignedPoints.values(
          codes.flatMap { Lattice.iq3XXS.points[Int($0)] }, signs: signs, scale: groupScale)
      }
    }
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeIQ3_XXS(bytes, into: &values)
  }
}
