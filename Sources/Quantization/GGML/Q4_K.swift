public import Tensors

extension Encoding {
  /// 256 elements: scale F16, minimum F16, multiples[12], codes[128].
  public static let q4_k = Encoding(name: "q4_k", elementsPerBlock: 256, bytesPerBlock: 144)
}

/// `q4_k`: four bits, in blocks of 32. Each 32 bytes of codes hold a block in their low halves and the next one in their
/// high halves.
///
/// Source: ggml `quantize_row_q4_K_ref`, `quantize_row_q4_K_impl`.
public struct Q4_K: WeightedBlockCodec {
  private let kernels: KernelSet
  private let superblock = AffineSuperblock(
    bits: 4, elements: 32, mostMultiple: 63, search: AffineSearch(most: 15, first: -1, step: 0.1, trials: 21))

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .q4_k }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    pack(values, try superblock.scales(of: values))
  }

  public func referenceEncode(row: [Float], importance: [Float]) throws(CodecError) -> [UInt8] {
    try encodeBlocks(of: row, importance) { values, importance throws(CodecError) in
      pack(values, try superblock.scales(of: values, importance: importance))
    }
  }

  private func pack(_ values: [Float], _ found: AffineSuperblock.Scales) -> [UInt8] {
    let packed = SixBitMultiples(scales: found.scales, minimums: found.minimums).bytes
    let stored = SixBitMultiples(bytes: packed[...])
    let codes = superblock.codes(of: values, found, scales: stored.scales, minimums: stored.minimums)
    return found.scale + found.minimum + Self.bytes(packed, codes)
  }

  private static func bytes(_ multiples: [UInt8], _ codes: [Int]) -> [UInt8] {
    multiples + GGMLBlock.packedBlockPairs(codes)
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let multiples = SixBitMultiples(bytes: bytes[4...])
    return superblock.decode(
      GGMLBlock.unpackedBlockPairs(bytes[16...]), scale: bytes[0...], minimum: bytes[2...], scales: multiples.scales,
      minimums: multiples.minimums)
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ4_K(values, into: &bytes)
  }

  public func encodeBlocks(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ4_K(values, importance: importance, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeQ4_K(bytes, into: &values)
  }
}

extension Q4_K: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .multiplesAndMinimums(codes: 16, upTo: 63, block: 32, search: (1, 0.1))
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    let multiples = SixBitMultiples(scales: block.multiples, minimums: block.minimums)
    return try GGMLBlock.half(block.superScale) + GGMLBlock.half(block.superMinimum)
      + Self.bytes(multiples.bytes, block.codes)
  }
}
