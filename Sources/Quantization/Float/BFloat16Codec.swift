public import Tensors

/// `bf16`: the upper half of a Float, rounded to nearest, ties to even, as ggml's `ggml_compute_fp32_to_bf16` does.
/// Values that would round to infinity do not fit.
public struct BFloat16Codec: BlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .bf16 }

  public func referenceEncode(block: [Float]) throws(CodecError) -> [UInt8] {
    guard let code = SmallFloat.bf16.code(of: block[0]) else { throw .notRepresentable(index: 0) }
    return code.littleEndianBytes
  }

  public func referenceDecode(block: [UInt8]) -> [Float] { [SmallFloat.bf16.value(of: UInt16(littleEndian: block))] }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeBF16(values, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeBF16(bytes, into: &values)
  }
}
