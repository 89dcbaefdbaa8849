public import Tensors

extension Encoding {
  /// 32 elements: scale F16, indices[16].
  public static let iq4_nl = Encoding(name: "iq4_nl", elementsPerBlock: 32, bytesPerBlock: 18)
}

/// `iq4_nl`: four bits, indices of sixteen levels that lie closer around zero. `value = scale * levels[index]`.
///
/// Source: ggml `quantize_iq4_nl`.
public struct IQ4_NL: WeightedBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .iq4_nl }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    try encode(values, weights: values.map { $0 * $0 })
  }

  public func referenceEncode(row: [Float], importance: [Float]) throws(CodecError) -> [UInt8] {
    try encodeBlocks(of: row, importance) { values, importance throws(CodecError) in
      let variance = GGMLBlock.sumOfSquares(values) * (2 / 32)
      return try encode(values, weights: GGMLBlock.weights(of: values, importance: importance, variance: variance))
    }
  }

  private func encode(_ values: [Float], weights: [Float]) throws(CodecError) -> [UInt8] {
    let scale = LevelSearch.scale(of: values, weights: weights)
    return try GGMLBlock.half(scale)
      + LevelSearch.packedIndices(of: values, inverse: GGMLBlock.inverse(of: scale))
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    return LevelSearch.unpackedLevels(bytes[2...]).map { scale * $0 }
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeIQ4_NL(values, into: &bytes)
  }

  public func encodeBlocks(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeIQ4_NL(values, importance: importance, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeIQ4_NL(bytes, into: &values)
  }
}

extension IQ4_NL: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .scaled(LevelSearch.levels, rounding: .f16, block: 32, hasBothSigns: true, reference: 127)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    try GGMLBlock.half(block.scales[0]) + GGMLBlock.packedHalves(block.codes)
  }
}
