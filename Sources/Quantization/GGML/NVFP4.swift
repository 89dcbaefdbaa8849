public import Tensors

extension Encoding {
  /// 64 elements: scales[4] E4M3 without sign, codes[32].
  public static let nvfp4 = Encoding(name: "nvfp4", elementsPerBlock: 64, bytesPerBlock: 36)
}

/// `nvfp4`: floats of four bits with a scale for every 16 elements, a float of four exponent and three significand bits
/// that makes the largest magnitude 6.
///
/// Values from 2784 on do not fit: they would need a scale above the largest, 448. ggml clamps them without a word.
///
/// Source: ggml `quantize_row_nvfp4_ref`. The scale of a whole tensor, which NVIDIA's format also has, is not part of the
/// blocks.
public struct NVFP4: BlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .nvfp4 }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    let parts = (0..<4).map { values[16 * $0..<16 * ($0 + 1)] }
    let peaks = parts.map { GGMLBlock.peak(of: Array($0)).magnitude }
    guard peaks.allSatisfy({ $0 < 2784 }) else { throw .scaleOverflow(index: 0) }
    let scales = peaks.map { Self.code(of: $0 / 6) }
    return scales
      + zip(parts, scales).flatMap { FourBitFloat.pack($0, halfScale: Self.halfScale(of: $1)) }
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    (0..<4).flatMap { part in
      let codes = bytes[4 + 8 * part..<4 + 8 * (part + 1)]
      return FourBitFloat.unpack(codes, halfScale: Self.halfScale(of: bytes[part]))
    }
  }

  /// The code of a scale: rounded to nearest, ties up. From 256 on it is the largest, 448.
  private static func code(of scale: Float) -> UInt8 {
    guard scale >= 0x1p-6 else { return UInt8(min(Int(scale * 512 + 0.5), 7)) }
    guard scale < 256 else { return 0x7E }
    let significand = Int((scale.significand * 8).rounded(.toNearestOrAwayFromZero))
    // A significand that is rounded up to 2 adds one to the exponent.
    let code = (Int(scale.exponent) + 6) << 3 + significand
    return code < 15 << 3 ? UInt8(code) : 0x7E
  }

  /// Half of the scale. The code of NaN is 0, and the top bit is ignored.
  private static func halfScale(of code: UInt8) -> Float {
    guard code != 0x7F else { return 0 }
    let (exponent, significand) = (Int(code >> 3 & 15), Float(code & 7))
    return exponent == 0
      ? significand * 0x1p-10 : Float(sign: .plus, exponent: exponent - 11, significand: significand + 8)
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeNVFP4(values, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeNVFP4(bytes, into: &values)
  }
}

extension NVFP4: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .scaled(FourBitFloat.levels, rounding: .e4m3, block: 16, reference: 6)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    // Rounding a scale that is one already gives its code.
    block.scales.map { Self.code(of: $0) }
      + (0..<4).flatMap { FourBitFloat.pack(levels: Array(block.codes[16 * $0..<16 * ($0 + 1)])) }
  }
}
