public import Tensors

extension Encoding {
  /// 64 elements: scale F16, codes[16].
  public static let q2_0 = Encoding(name: "q2_0", elementsPerBlock: 64, bytesPerBlock: 18)
}

/// `q2_0`: two bits. `value = scale * (code - 1)`, the scale being the largest magnitude, so that encoding never gives
/// code 3.
///
/// A byte holds four codes, the first in the lowest bits. Source: ggml `quantize_row_q2_0_ref`.
public struct Q2_0: BlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .q2_0 }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    let scale = GGMLBlock.peak(of: values).magnitude
    let inverse = GGMLBlock.inverse(of: scale)
    let codes = values.map { value in
      let product = value * inverse
      // A scale so small that it has no reciprocal makes all codes 0, as x86 converts what is not finite.
      return inverse.isFinite ? UInt8(product.rounded(.toNearestOrAwayFromZero) + 1) : 0
    }
    return try GGMLBlock.half(scale) + Self.packed(codes)
  }

  private static func packed(_ codes: [UInt8]) -> [UInt8] {
    stride(from: 0, to: 64, by: 4).map { first in
      codes[first..<first + 4].reversed().reduce(UInt8(0)) { $0 << 2 | $1 }
    }
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    return (0..<64).map { index in
      let code = bytes[2 + index / 4] >> UInt8(index % 4 * 2) & 3
      return Float(Int(code) - 1) * scale
    }
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ2_0(values, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeQ2_0(bytes, into: &values)
  }
}

extension Q2_0: ScalarBlockCodec {
  public var grid: ScalarGrid {
    // The fourth level, which the reference's encoder never writes, is of use here.
    .scaled([-1, 0, 1, 2], rounding: .f16, block: 64, hasBothSigns: true, reference: 2)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    try GGMLBlock.half(block.scales[0]) + Self.packed(block.codes.map { UInt8($0) })
  }
}
