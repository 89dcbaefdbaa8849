public import Tensors

extension Encoding {
  /// 256 elements: multiples[16], codes[64], scale F16, minimum F16.
  public static let q2_k = Encoding(name: "q2_k", elementsPerBlock: 256, bytesPerBlock: 84)
}

/// `q2_k`: two bits, in blocks of 16. A byte holds the multiples of a block, that of the scale in its low half. Byte `i`
/// of the first 32 bytes of codes holds those of elements `i`, `i + 32`, `i + 64` and `i + 96`, lowest bits first; the
/// other 32 bytes hold the second half of the superblock.
///
/// Source: ggml `quantize_row_q2_K_ref`, `quantize_row_q2_K_impl`.
public struct Q2_K: WeightedBlockCodec {
  private let kernels: KernelSet
  private let superblock = AffineSuperblock(
    bits: 2, elements: 16, mostMultiple: 15,
    search: AffineSearch(most: 3, first: -0.5, step: 0.1, trials: 16, takesMagnitudes: true))

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .q2_k }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    pack(values, try superblock.scales(of: values))
  }

  public func referenceEncode(row: [Float], importance: [Float]) throws(CodecError) -> [UInt8] {
    try encodeBlocks(of: row, importance) { values, importance throws(CodecError) in
      pack(values, try superblock.scales(of: values, importance: importance))
    }
  }

  private func pack(_ values: [Float], _ found: AffineSuperblock.Scales) -> [UInt8] {
    let multiples = zip(found.scales, found.minimums).map { UInt8(truncatingIfNeeded: $0 | $1 << 4) }
    let codes = superblock.codes(
      of: values, found, scales: multiples.map { Int($0 & 15) }, minimums: multiples.map { Int($0 >> 4) })
    return multiples + Self.packed(codes) + found.scale + found.minimum
  }

  private static func packed(_ codes: [Int]) -> [UInt8] {
    var packed = [UInt8](repeating: 0, count: 64)
    for (index, code) in codes.enumerated() {
      packed[index / 128 * 32 + index % 32] |= UInt8(code) << UInt8(index / 32 % 4 * 2)
    }
    return packed
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let codes = (0..<256).map { index in
      let byte = bytes[16 + index / 128 * 32 + index % 32]
      return Int(byte >> UInt8(index / 32 % 4 * 2)) & 3
    }
    return superblock.decode(
      codes, scale: bytes[80...], minimum: bytes[82...], scales: bytes[..<16].map { Int($0 & 15) },
      minimums: bytes[..<16].map { Int($0 >> 4) })
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ2_K(values, into: &bytes)
  }

  public func encodeBlocks(_ values: Span<Float>, importance: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ2_K(values, importance: importance, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeQ2_K(bytes, into: &values)
  }
}

extension Q2_K: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .multiplesAndMinimums(codes: 4, upTo: 15, block: 16, search: (0.9, 0.1))
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    try zip(block.multiples, block.minimums).map { UInt8($0 | $1 << 4) } + Self.packed(block.codes)
      + GGMLBlock.half(block.superScale) + GGMLBlock.half(block.superMinimum)
  }
}
