public import Tensors

/// `f16`: IEEE half precision, rounded to nearest, ties to even, as ggml's `ggml_compute_fp32_to_fp16` does. Values
/// from 65,520 on do not fit.
public struct Float16Codec: BlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .f16 }

  public func referenceEncode(block: [Float]) throws(CodecError) -> [UInt8] {
    guard let code = SmallFloat.f16.code(of: block[0]) else { throw .notRepresentable(index: 0) }
    return code.littleEndianBytes
  }

  public func referenceDecode(block: [UInt8]) -> [Float] { [SmallFloat.f16.value(of: UInt16(littleEndian: block))] }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeF16(values, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeF16(bytes, into: &values)
  }
}
