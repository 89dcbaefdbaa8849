public import Tensors

extension Encoding {
  /// 256 elements: codes[64], scale F16.
  public static let tq2_0 = Encoding(name: "tq2_0", elementsPerBlock: 256, bytesPerBlock: 66)
}

/// `tq2_0`: ternary, two bits. `value = scale * (code - 1)`, the scale being the largest magnitude.
///
/// A byte holds four codes, of elements 32 apart, the first in the lowest bits. Source: ggml `quantize_row_tq2_0_ref`.
public struct TQ2_0: BlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .tq2_0 }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    let (scale, codes) = Ternary.codes(of: values)
    return try Self.packed(codes) + GGMLBlock.half(scale)
  }

  private static func packed(_ codes: [Int]) -> [UInt8] {
    (0..<64).map { index in
      let first = index / 32 * 128 + index % 32
      return UInt8((0..<4).reversed().reduce(0) { $0 << 2 | codes[first + 32 * $1] })
    }
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[64...])
    return (0..<Ternary.elements).map { index in
      let byte = bytes[index / 128 * 32 + index % 32]
      return Ternary.value(of: Int(byte >> UInt8(index % 128 / 32 * 2)) & 3, scale: scale)
    }
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeTQ2_0(values, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeTQ2_0(bytes, into: &values)
  }
}

extension TQ2_0: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .scaled([-1, 0, 1], rounding: .f16, block: 256, reference: 1)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    try Self.packed(block.codes) + GGMLBlock.half(block.scales[0])
  }
}
