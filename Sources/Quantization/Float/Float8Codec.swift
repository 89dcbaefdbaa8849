public import Tensors

/// `f8_e4m3` and `f8_e5m2`: floats of one byte, rounded to nearest, ties to even. Values above the largest finite one
/// do not fit; they are not clamped.
public struct Float8Codec: BlockCodec {
  public let encoding: Encoding
  private let format: SmallFloat
  private let values: [Float]
  private let kernels: KernelSet

  private init(_ encoding: Encoding, _ format: SmallFloat, _ kernels: KernelSet) {
    self.encoding = encoding
    self.format = format
    self.kernels = kernels
    values = (0..<256).map { format.value(of: $0) }
  }

  public static func e4m3(kernels: KernelSet = .best) -> Float8Codec {
    Float8Codec(.f8E4M3, .f8E4M3, kernels)
  }

  public static func e5m2(kernels: KernelSet = .best) -> Float8Codec {
    Float8Codec(.f8E5M2, .f8E5M2, kernels)
  }

  public func referenceEncode(block: [Float]) throws(CodecError) -> [UInt8] {
    guard let code = format.code(of: block[0]) else { throw .notRepresentable(index: 0) }
    return [UInt8(code)]
  }

  public func referenceDecode(block: [UInt8]) -> [Float] { [format.value(of: UInt16(block[0]))] }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    format == .f8E4M3 ? kernels.encodeF8E4M3(values, into: &bytes) : kernels.encodeF8E5M2(values, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeBytes(bytes, table: self.values, into: &values)
  }
}
