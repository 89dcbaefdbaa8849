public import Tensors

extension Encoding {
  /// 256 elements: third bits[32], low bits[64], multiples[12], scale F16.
  public static let q3_k = Encoding(name: "q3_k", elementsPerBlock: 256, bytesPerBlock: 110)
}

/// `q3_k`: three bits, in sixteen runs of 16. `value = scale * (multiple - 32) * (code - 4)`, a multiple of six bits for
/// each run.
///
/// Source: ggml `quantize_row_q3_K_ref`, `quantize_row_q3_K_impl`.
public struct Q3_K: WeightedBlockCodec {
  private let kernels: KernelSet
  private let search = SymmetricSearch(limit: 4)

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .q3_k }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    let fits = GGMLBlock.runs(of: 16, values).map { search.refinedFit($0) }
    let peak = GGMLBlock.peak(of: fits.map(\.scale))
    guard peak != 0 else { return try pack(values, fits, scale: 0, multiples: fits.map { _ in 0 }) }
    let inverse = -32 / peak
    let multiples = fits.map { fit in
      let multiple = Int8(truncatingIfNeeded: GGMLBlock.nearest(inverse * fit.scale))
      return 32 + max(-32, min(31, Int(multiple)))
    }
    return try pack(values, fits, scale: 1 / inverse, multiples: multiples)
  }

  public func referenceEncode(row: [Float], importance: [Float]) throws(CodecError) -> [UInt8] {
    try encodeBlocks(of: row, importance) { values, importance throws(CodecError) in
      let variance = 2 * GGMLBlock.sumOfSquares(values) / 256
      let weights = GGMLBlock.runs(of: 16, GGMLBlock.weights(of: values, importance: importance, variance: variance))
      let fits = zip(GGMLBlock.runs(of: 16, values), weights).map { search.fit($0, weights: $1) }
      let multiples = SymmetricSearch(limit: 32)
        .fit(fits.map(\.scale), weights: weights.map { $0.reduce(0, +) })
      return try pack(values, fits, scale: multiples.scale, multiples: multiples.codes)
    }
  }

  private func pack(
    _ values: [Float], _ fits: [SymmetricSearch.Fit], scale: Float, multiples: [Int]
  ) throws(CodecError) -> [UInt8] {
    let half = try GGMLBlock.half(scale)
    let scale = GGMLBlock.half(half[...])
    let codes = zip(GGMLBlock.runs(of: 16, values), zip(fits, multiples)).flatMap { values, found in
      search.codes(of: values, scale: scale * Float(found.1 - 32), found: found.0)
    }
    return Self.bytes(codes, multiples) + half
  }

  /// - Parameter multiples: with 32 added.
  private static func bytes(_ codes: [Int], _ multiples: [Int]) -> [UInt8] {
    let thirdBits = (0..<32).map { l in
      GGMLBlock.packed(GGMLBlock.every(32, of: codes, from: l, count: 8).map { $0 >> 2 }, bits: 1)
    }
    let lowBits = [0, 128].flatMap { start in
      (start..<start + 32).map { GGMLBlock.packed(GGMLBlock.every(32, of: codes, from: $0, count: 4), bits: 2) }
    }
    let lowMultiples = (0..<8).map { GGMLBlock.packed(GGMLBlock.every(8, of: multiples, from: $0, count: 2), bits: 4) }
    let highMultiples = (0..<4).map { s in
      GGMLBlock.packed(GGMLBlock.every(4, of: multiples, from: s, count: 4).map { $0 >> 4 }, bits: 2)
    }
    return thirdBits + lowBits + lowMultiples + highMultiples
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[108...])
    return (0..<256).map { index in
      let run = index / 16
      let low = bytes[96 + run % 8] >> UInt8(run / 8 * 4) & 15
      let high = bytes[104 + run % 4] >> UInt8(run / 4 * 2) & 3
      let lowBits = bytes[32 + index / 128 * 32 + index % 32] >> UInt8(index % 128 / 32 * 2) & 3
      let thirdBit = bytes[index % 32] >> UInt8(index / 32) & 1
      return scale * Float(Int(low | high << 4) - 32) * Float(Int(lowBits | thirdBit << 2) - 4)
    }
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ3_K(values, into: &bytes)
  }

  public func encodeBlocks(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ3_K(values, importance: importance, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeQ3_K(bytes, into: &values)
  }
}

extension Q3_K: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .multiples(-32...31, of: (-4...3).map { Float($0) }, block: 16, reference: 4)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    try Self.bytes(block.codes, block.multiples.map { $0 + 32 }) + GGMLBlock.half(block.superScale)
  }
}
