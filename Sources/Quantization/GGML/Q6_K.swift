public import Tensors

extension Encoding {
  /// 256 elements: low bits[128], high bits[64], multiples[16], scale F16.
  public static let q6_k = Encoding(name: "q6_k", elementsPerBlock: 256, bytesPerBlock: 210)
}

/// `q6_k`: six bits, in sixteen runs of 16. `value = scale * multiple * (code - 32)`, a signed multiple of eight bits for
/// each run.
///
/// Source: ggml `quantize_row_q6_K_ref`, `quantize_row_q6_K_impl`.
public struct Q6_K: WeightedBlockCodec {
  private let kernels: KernelSet
  private let search = SymmetricSearch(limit: 32)

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .q6_k }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    try encode(values, weights: values.map { $0 * $0 })
  }

  public func referenceEncode(row: [Float], importance: [Float]) throws(CodecError) -> [UInt8] {
    try encodeBlocks(of: row, importance) { values, importance throws(CodecError) in
      try encode(values, weights: importance)
    }
  }

  private func encode(_ values: [Float], weights: [Float]) throws(CodecError) -> [UInt8] {
    let runs = GGMLBlock.runs(of: 16, values)
    let fits = zip(runs, GGMLBlock.runs(of: 16, weights)).map { search.fit($0, weights: $1) }
    let peak = GGMLBlock.peak(of: fits.map(\.scale))
    guard !(peak.magnitude < GGMLBlock.negligible) else { return .init(repeating: 0, count: encoding.bytesPerBlock) }
    let inverse = -128 / peak
    let half = try GGMLBlock.half(1 / inverse)
    let scale = GGMLBlock.half(half[...])
    let multiples = fits.map { Int8(truncatingIfNeeded: min(127, GGMLBlock.nearest(inverse * $0.scale))) }
    let codes = zip(runs, zip(fits, multiples)).flatMap { values, found in
      search.codes(of: values, scale: scale * Float(found.1), found: found.0)
    }
    return Self.bytes(codes, multiples) + half
  }

  private static func bytes(_ codes: [Int], _ multiples: [Int8]) -> [UInt8] {
    let lowBits = [0, 128].flatMap { start in
      (start..<start + 64).map { GGMLBlock.packed([codes[$0], codes[$0 + 64]], bits: 4) }
    }
    let highBits = [0, 128].flatMap { start in
      (start..<start + 32).map { l in
        GGMLBlock.packed(GGMLBlock.every(32, of: codes, from: l, count: 4).map { $0 >> 4 }, bits: 2)
      }
    }
    return lowBits + highBits + multiples.map { UInt8(bitPattern: $0) }
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[208...])
    return (0..<256).map { index in
      let (half, place) = index.quotientAndRemainder(dividingBy: 128)
      let low = bytes[64 * half + place % 64] >> UInt8(place / 64 * 4) & 15
      let high = bytes[128 + 32 * half + place % 32] >> UInt8(place / 32 * 2) & 3
      return scale * Float(Int8(bitPattern: bytes[192 + index / 16])) * Float(Int(low | high << 4) - 32)
    }
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ6_K(values, into: &bytes)
  }

  public func encodeBlocks(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ6_K(values, importance: importance, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeQ6_K(bytes, into: &values)
  }
}

extension Q6_K: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .multiples(-128...127, of: (-32...31).map { Float($0) }, block: 16, reference: 32)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    try Self.bytes(block.codes, block.multiples.map { Int8($0) }) + GGMLBlock.half(block.superScale)
  }
}
