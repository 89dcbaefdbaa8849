public import Tensors

extension Encoding {
  /// 32 elements: scale F16, fifth bits U32, codes[16].
  public static let q5_0 = Encoding(name: "q5_0", elementsPerBlock: 32, bytesPerBlock: 22)
}

/// `q5_0`: five bits, symmetric. `value = scale * (code - 16)`.
///
/// The value of largest magnitude gets code 0, so the scale has the opposite sign; the opposite value gets the largest
/// code. A block of zeros has the scale -0. Source: ggml `quantize_row_q5_0_ref`, `quantize_row_q5_0_impl`.
public struct Q5_0: WeightedBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .q5_0 }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    let scale = GGMLBlock.peak(of: values) / -16
    let inverse = GGMLBlock.inverse(of: scale)
    let codes = values.map { GGMLBlock.truncated($0 * inverse + 16.5, atMost: 31) }
    return try pack(scale: scale, codes)
  }

  public func referenceEncode(row: [Float], importance: [Float]) throws(CodecError) -> [UInt8] {
    let variance = GGMLBlock.sumOfSquares(row) / Float(row.count)
    return try encodeBlocks(of: row, importance) { values, importance throws(CodecError) in
      let weights = GGMLBlock.weights(of: values, importance: importance, variance: variance)
      let fit = SymmetricSearch(limit: 16).fit(values, weights: weights)
      return try pack(scale: fit.scale, fit.codes)
    }
  }

  private func pack(scale: Float, _ codes: [Int]) throws(CodecError) -> [UInt8] {
    try GGMLBlock.half(scale) + GGMLBlock.packedFifthBits(codes) + GGMLBlock.packedHalves(codes)
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    let codes = zip(GGMLBlock.unpackedHalves(bytes[6...]), GGMLBlock.unpackedFifthBits(bytes[2..<6])).map(+)
    return codes.map { Float($0 - 16) * scale }
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ5_0(values, into: &bytes)
  }

  public func encodeBlocks(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ5_0(values, importance: importance, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeQ5_0(bytes, into: &values)
  }
}

extension Q5_0: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .scaled((-16...15).map { Float($0) }, rounding: .f16, block: 32, hasBothSigns: true, reference: 16)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] { try pack(scale: block.scales[0], block.codes) }
}
