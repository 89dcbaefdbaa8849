public import Tensors

extension Encoding {
  /// 256 elements: scale F16, high bits of multiples U16, low bits of multiples[4], indices[128].
  public static let iq4_xs = Encoding(name: "iq4_xs", elementsPerBlock: 256, bytesPerBlock: 136)
}

/// `iq4_xs`: the levels of `iq4_nl`, in eight runs of 32. `value = scale * (multiple - 32) * levels[index]`, a multiple
/// of six bits for each run.
///
/// Source: ggml `quantize_iq4_xs`.
public struct IQ4_XS: WeightedBlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .iq4_xs }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    try encode(values, weights: values.map { $0 * $0 })
  }

  public func referenceEncode(row: [Float], importance: [Float]) throws(CodecError) -> [UInt8] {
    try encodeBlocks(of: row, importance) { values, importance throws(CodecError) in
      let variance = GGMLBlock.sumOfSquares(values) * (2 / 256)
      return try encode(values, weights: GGMLBlock.weights(of: values, importance: importance, variance: variance))
    }
  }

  private func encode(_ values: [Float], weights: [Float]) throws(CodecError) -> [UInt8] {
    let runs = GGMLBlock.runs(of: 32, values)
    let scales = zip(runs, GGMLBlock.runs(of: 32, weights)).map { LevelSearch.scale(of: $0, weights: $1) }
    // Indices are chosen for the scale before it is rounded to F16.
    let scale = -GGMLBlock.peak(of: scales) / 32
    let inverse = GGMLBlock.inverse(of: scale)
    let multiples = scales.map { max(-32, min(31, GGMLBlock.nearest(inverse * $0))) }
    let indices = zip(runs, multiples).flatMap { values, multiple in
      LevelSearch.packedIndices(of: values, inverse: GGMLBlock.inverse(of: scale * Float(multiple)))
    }
    return try Self.bytes(scale: scale, multiples, indices: indices)
  }

  private static func bytes(scale: Float, _ multiples: [Int], indices: [UInt8]) throws(CodecError) -> [UInt8] {
    let stored = multiples.map { $0 + 32 }
    let high = stored.enumerated().reduce(UInt16(0)) { $0 | UInt16($1.element >> 4) << UInt16(2 * $1.offset) }
    let low = stride(from: 0, to: 8, by: 2).map { UInt8(stored[$0] & 15 | (stored[$0 + 1] & 15) << 4) }
    return try GGMLBlock.half(scale) + high.littleEndianBytes + low + indices
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    let high = UInt16(littleEndian: bytes[2..<4])
    return (0..<8).flatMap { run in
      let low = bytes[4 + run / 2] >> UInt8(run % 2 * 4) & 15
      let multiple = Int(low) | Int(high >> UInt16(2 * run) & 3) << 4
      return LevelSearch.unpackedLevels(bytes[8 + 16 * run..<24 + 16 * run]).map { scale * Float(multiple - 32) * $0 }
    }
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeIQ4_XS(values, into: &bytes)
  }

  public func encodeBlocks(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeIQ4_XS(values, importance: importance, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeIQ4_XS(bytes, into: &values)
  }
}

extension IQ4_XS: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .multiples(-32...31, of: LevelSearch.levels, block: 32, reference: 127)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    let indices = (0..<8).flatMap { GGMLBlock.packedHalves(Array(block.codes[32 * $0..<32 * ($0 + 1)])) }
    return try Self.bytes(scale: block.superScale, block.multiples, indices: indices)
  }
}
