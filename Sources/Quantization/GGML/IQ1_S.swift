public import Tensors

extension Encoding {
  /// 256 elements: scale F16, low bytes of points[32], eight words of high bits, a scale and a direction.
  public static let iq1_s = Encoding(name: "iq1_s", elementsPerBlock: 256, bytesPerBlock: 50)
}

/// `iq1_s`: 32 points of a lattice of 2048 with eight coordinates -1, 0, 1, moved by an eighth.
/// `value = scale * (1 + 2 * code) * (coordinate +- 1/8)`.
///
/// The word of a group of four points has four times three high bits, a scale of three bits, and at the top whether they
/// are moved down. Source: ggml `dequantize_row_iq1_s`.
public struct IQ1_S: DecodingBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .iq1_s }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    return (0..<32).flatMap { index in
      let word = SignedPoints.halfWord(bytes, 34 + index / 4 * 2)
      let high = word >> (index % 4 * 3) & 7
      let groupScale = scale * Float(1 + 2 * (word >> 12 & 7))
      return MovedPoint.values(high << 8 | Int(bytes[2 + index]), isDown: word >> 15 == 1, scale: groupScale)
    }
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeIQ1_S(bytes, into: &values)
  }
}
