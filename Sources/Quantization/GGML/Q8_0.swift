public import Tensors

extension Encoding {
  /// 32 elements: scale F16, codes[32] of type I8.
  public static let q8_0 = Encoding(name: "q8_0", elementsPerBlock: 32, bytesPerBlock: 34)
}

/// `q8_0`: eight bits, symmetric. `value = scale * code`, codes from -127 to 127, rounded half away from zero.
///
/// Source: ggml `quantize_row_q8_0_ref`.
public struct Q8_0: BlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .q8_0 }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    let scale = GGMLBlock.peak(of: values).magnitude / 127
    let inverse = GGMLBlock.inverse(of: scale)
    let codes = values.map { value in
      let product = value * inverse
      return product.isFinite ? Int8(product.rounded(.toNearestOrAwayFromZero)) : 0
    }
    return try GGMLBlock.half(scale) + codes.map(UInt8.init(bitPattern:))
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    return bytes[2...].map { Float(Int8(bitPattern: $0)) * scale }
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ8_0(values, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeQ8_0(bytes, into: &values)
  }
}

extension Q8_0: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .scaled((-127...127).map { Float($0) }, rounding: .f16, block: 32, reference: 127)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    try GGMLBlock.half(block.scales[0]) + block.codes.map { UInt8(bitPattern: Int8($0 - 127)) }
  }
}
