public import Tensors

extension Encoding {
  /// 32 elements: scale F16, minimum F16, fifth bits U32, codes[16].
  public static let q5_1 = Encoding(name: "q5_1", elementsPerBlock: 32, bytesPerBlock: 24)
}

/// `q5_1`: five bits with a minimum. `value = scale * code + minimum`.
///
/// Source: ggml `quantize_row_q5_1_ref`, `quantize_row_q5_1_impl`.
public struct Q5_1: WeightedBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .q5_1 }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    let (minimum, maximum) = GGMLBlock.range(of: values)
    let scale = (maximum - minimum) / 31
    let inverse = GGMLBlock.inverse(of: scale)
    let codes = values.map { GGMLBlock.truncated(($0 - minimum) * inverse + 0.5, atMost: 31) }
    return try pack(scale: scale, minimum: minimum, codes)
  }

  public func referenceEncode(row: [Float], importance: [Float]) throws(CodecError) -> [UInt8] {
    let variance = GGMLBlock.sumOfSquares(row) / Float(row.count)
    return try encodeBlocks(of: row, importance) { values, importance throws(CodecError) in
      let weights = GGMLBlock.weights(of: values, importance: importance, variance: variance)
      let fit = AffineSearch.weighted(most: 31).fit(values, weights: weights)
      return try pack(scale: fit.scale, minimum: fit.minimum, fit.codes)
    }
  }

  private func pack(scale: Float, minimum: Float, _ codes: [Int]) throws(CodecError) -> [UInt8] {
    try GGMLBlock.half(scale) + GGMLBlock.half(minimum) + GGMLBlock.packedFifthBits(codes)
      + GGMLBlock.packedHalves(codes)
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    let minimum = GGMLBlock.half(bytes[2...])
    let codes = zip(GGMLBlock.unpackedHalves(bytes[8...]), GGMLBlock.unpackedFifthBits(bytes[4..<8])).map(+)
    return codes.map { Float($0) * scale + minimum }
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ5_1(values, into: &bytes)
  }

  public func encodeBlocks(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ5_1(values, importance: importance, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeQ5_1(bytes, into: &values)
  }
}

extension Q5_1: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .offsets(codes: 32, rounding: .f16, block: 32)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    try pack(scale: block.scales[0], minimum: block.offsets[0], block.codes)
  }
}
