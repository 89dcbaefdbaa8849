public import Tensors

extension Encoding {
  /// 32 elements: scale E8M0, codes[16].
  public static let mxfp4 = Encoding(name: "mxfp4", elementsPerBlock: 32, bytesPerBlock: 17)
}

/// `mxfp4`: floats of four bits with a power of two as scale, such that the largest magnitude lies in the last octave, or
/// just above: values beyond 6 times the scale become that.
///
/// Values whose largest magnitude is below 2^-126 become 0, and from 2^-126 to 2^-125 they do not fit.
/// Source: ggml `quantize_row_mxfp4_ref`; OCP Microscaling Formats (MX) 1.0.
public struct MXFP4: BlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .mxfp4 }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    let peak = GGMLBlock.peak(of: values).magnitude
    // A code below 0 wraps around, which makes the scale huge.
    let code = peak == 0 ? 0 : UInt8(truncatingIfNeeded: Self.floorOfLogarithm(peak) - 2 + 127)
    // The code of NaN.
    guard code != 255 else { throw .scaleOverflow(index: 0) }
    return [code] + FourBitFloat.pack(values[...], halfScale: Self.halfScale(of: code))
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    FourBitFloat.unpack(bytes[1...], halfScale: Self.halfScale(of: bytes[0]))
  }

  /// Half of the scale, which is 2^(code - 127).
  private static func halfScale(of code: UInt8) -> Float {
    Float(sign: .plus, exponent: Int(code) - 128, significand: 1)
  }

  /// The floor of the base-2 logarithm rounded to Float, as glibc's `log2f` gives it: a value a few places below a power
  /// of two has the logarithm of the power.
  private static func floorOfLogarithm(_ value: Float) -> Int {
    let next = Int(value.exponent) + 1
    // The logarithm of 1 - gap is about -gap * log2(e), and exactly that as far as it matters.
    let gap = 1 - Double(value.significand) / 2
    let logarithm = Float(Double(next) - gap * 1.4426950408889634)
    return logarithm < Float(next) ? next - 1 : next
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeMXFP4(values, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeMXFP4(bytes, into: &values)
  }
}

extension MXFP4: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .scaled(FourBitFloat.levels, rounding: .power, block: 32, reference: 6)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    let exponent = Int(block.scales[0].exponent) + 127
    guard block.scales[0] > 0, (0..<255).contains(exponent) else { throw .scaleOverflow(index: 0) }
    return [UInt8(exponent)] + FourBitFloat.pack(levels: block.codes)
  }
}
