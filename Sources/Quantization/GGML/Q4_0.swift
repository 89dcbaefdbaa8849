public import Tensors

extension Encoding {
  /// 32 elements: scale F16, codes[16].
  public static let q4_0 = Encoding(name: "q4_0", elementsPerBlock: 32, bytesPerBlock: 18)
}

/// `q4_0`: four bits, symmetric. `value = scale * (code - 8)`.
///
/// The value of largest magnitude gets code 0, so the scale has the opposite sign; the opposite value gets the largest
/// code. A block of zeros has the scale -0. Source: ggml `quantize_row_q4_0_ref`, `quantize_row_q4_0_impl`.
public struct Q4_0: WeightedBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .q4_0 }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    let scale = GGMLBlock.peak(of: values) / -8
    let inverse = GGMLBlock.inverse(of: scale)
    let codes = values.map { GGMLBlock.truncated($0 * inverse + 8.5, atMost: 15) }
    return try pack(scale: scale, codes)
  }

  public func referenceEncode(row: [Float], importance: [Float]) throws(CodecError) -> [UInt8] {
    let variance = GGMLBlock.sumOfSquares(row) / Float(row.count)
    return try encodeBlocks(of: row, importance) { values, importance throws(CodecError) in
      let weights = GGMLBlock.weights(of: values, importance: importance, variance: variance)
      let fit = SymmetricSearch(limit: 8).fit(values, weights: weights)
      return try pack(scale: fit.scale, fit.codes)
    }
  }

  private func pack(scale: Float, _ codes: [Int]) throws(CodecError) -> [UInt8] {
    try GGMLBlock.half(scale) + GGMLBlock.packedHalves(codes)
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    let codes = GGMLBlock.unpackedHalves(bytes[2...])
    return codes.map { Float($0 - 8) * scale }
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ4_0(values, into: &bytes)
  }

  public func encodeBlocks(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ4_0(values, importance: importance, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeQ4_0(bytes, into: &values)
  }
}

extension Q4_0: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .scaled((-8...7).map { Float($0) }, rounding: .f16, block: 32, hasBothSigns: true, reference: 8)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] { try pack(scale: block.scales[0], block.codes) }
}
