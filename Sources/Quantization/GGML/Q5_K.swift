public import Tensors

extension Encoding {
  /// 256 elements: scale F16, minimum F16, multiples[12], fifth bits[32], codes[128].
  public static let q5_k = Encoding(name: "q5_k", elementsPerBlock: 256, bytesPerBlock: 176)
}

/// `q5_k`: five bits, in blocks of 32. Like `q4_k`, with the fifth bit of element `i` of block `j` at bit `j` of byte
/// `i`.
///
/// Source: ggml `quantize_row_q5_K_ref`, `quantize_row_q5_K_impl`.
public struct Q5_K: WeightedBlockCodec {
  private let kernels: KernelSet
  private let superblock = AffineSuperblock(
    bits: 5, elements: 32, mostMultiple: 63, search: AffineSearch(most: 31, first: -0.5, step: 0.1, trials: 16))

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .q5_k }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    pack(values, try superblock.scales(of: values))
  }

  public func referenceEncode(row: [Float], importance: [Float]) throws(CodecError) -> [UInt8] {
    try encodeBlocks(of: row, importance) { values, importance throws(CodecError) in
      pack(values, try superblock.scales(of: values, importance: importance))
    }
  }

  private func pack(_ values: [Float], _ found: AffineSuperblock.Scales) -> [UInt8] {
    let packed = SixBitMultiples(
      scales: found.scales.map { min($0, 63) }, minimums: found.minimums.map { min($0, 63) }
    ).bytes
    let stored = SixBitMultiples(bytes: packed[...])
    let codes = superblock.codes(of: values, found, scales: stored.scales, minimums: stored.minimums)
    return found.scale + found.minimum + Self.bytes(packed, codes)
  }

  private static func bytes(_ multiples: [UInt8], _ codes: [Int]) -> [UInt8] {
    let fifth = (0..<32).map { index in
      (0..<8).reduce(UInt8(0)) { $0 | UInt8(codes[$1 * 32 + index] >> 4) << UInt8($1) }
    }
    return multiples + fifth + GGMLBlock.packedBlockPairs(codes)
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let multiples = SixBitMultiples(bytes: bytes[4...])
    let codes = GGMLBlock.unpackedBlockPairs(bytes[48...]).enumerated().map { index, code in
      code | Int(bytes[16 + index % 32] >> UInt8(index / 32) & 1) << 4
    }
    return superblock.decode(
      codes, scale: bytes[0...], minimum: bytes[2...], scales: multiples.scales, minimums: multiples.minimums)
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ5_K(values, into: &bytes)
  }

  public func encodeBlocks(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ5_K(values, importance: importance, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeQ5_K(bytes, into: &values)
  }
}

extension Q5_K: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .multiplesAndMinimums(codes: 32, upTo: 63, block: 32, search: (1, 0.1))
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    let multiples = SixBitMultiples(scales: block.multiples, minimums: block.minimums)
    return try GGMLBlock.half(block.superScale) + GGMLBlock.half(block.superMinimum)
      + Self.bytes(multiples.bytes, block.codes)
  }
}
