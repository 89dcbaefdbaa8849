public import Tensors

/// `f32`: the values themselves.
public struct Float32Codec: BlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .f32 }

  public func referenceEncode(block: [Float]) throws(CodecError) -> [UInt8] { block[0].bitPattern.littleEndianBytes }

  public func referenceDecode(block: [UInt8]) -> [Float] { [Float(bitPattern: UInt32(littleEndian: block))] }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    if let index = kernels.firstNonFinite(in: values) { return index }
    kernels.copy(values, into: &bytes)
    return values.count
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.copy(bytes, into: &values)
  }
}
