public import Tensors

/// Every codec, one line each, with what else belongs to a type: what the command line offers, the tests check and the
/// benchmarks measure.
public enum Catalog {
  /// A way to make a codec.
  public struct Entry: Sendable, CustomStringConvertible {
    /// As on the command line, without block size.
    public let name: String
    /// How its bytes lie in a tensor of a container; nil for codecs of several planes.
    public let encoding: Encoding?
    /// Whether the block size is a choice.
    public let takesBlockSize: Bool
    /// Whether there is an encoder, so that tensors can be given this type.
    public let canEncode: Bool
    /// llama.cpp's number for a file most of whose weights have this type (`LLAMA_FTYPE_MOSTLY_...`); nil where it has none.
    public let fileType: UInt32?
    /// The type that takes its place where blocks do not fit a row: one of about as many bits with smaller blocks. Where
    /// that does not fit either, or there is none, it is F16. Source: llama.cpp `tensor_type_fallback`.
    public let smallerBlock: String?

    public var description: String { name }

    private let make: @Sendable (_ blockSize: Int, KernelSet) -> any ReferencedCodec

    init(
      fileType: UInt32? = nil, smallerBlock: String? = nil, _ make: @escaping @Sendable (KernelSet) -> any BlockCodec
    ) {
      self.fileType = fileType
      self.smallerBlock = smallerBlock
      let codec = make(.best)
      encoding = codec.encoding
      name = codec.name
      canEncode = codec.canEncode
      takesBlockSize = false
      self.make = { _, kernels in make(kernels) }
    }

    init(_ code: BlockwiseCode) {
      fileType = nil
      smallerBlock = nil
      name = code.name
      encoding = nil
      takesBlockSize = true
      canEncode = true
      make = { BlockwiseCodec(code, blockSize: $0, kernels: $1) }
    }

    /// The codec. `blockSize`, one of `BlockwiseCodec.blockSizes`, matters only where `takesBlockSize`.
    public func codec(
      blockSize: Int = BlockwiseCodec.defaultBlockSize, kernels: KernelSet = .best
    ) -> any ReferencedCodec { make(blockSize, kernels) }
  }

  public static let entries: [Entry] =
    [
      Entry(fileType: 0) { Float32Codec(kernels: $0) },
      Entry(fileType: 1) { Float16Codec(kernels: $0) },
      Entry(fileType: 32) { BFloat16Codec(kernels: $0) },
      Entry { _ in Float64Codec() },
      Entry { Float8Codec.e4m3(kernels: $0) },
      Entry { Float8Codec.e5m2(kernels: $0) },
      Entry { _ in IntegerCodec.i8 },
      Entry { _ in IntegerCodec.u8 },
      Entry { _ in IntegerCodec.i16 },
      Entry { _ in IntegerCodec.u16 },
      Entry { _ in IntegerCodec.i32 },
      Entry { _ in IntegerCodec.u32 },
      Entry { _ in IntegerCodec.i64 },
      Entry { _ in IntegerCodec.u64 },
      Entry(fileType: 2) { Q4_0(kernels: $0) },
      Entry(fileType: 3) { Q4_1(kernels: $0) },
      Entry(fileType: 8) { Q5_0(kernels: $0) },
      Entry(fileType: 9) { Q5_1(kernels: $0) },
      Entry(fileType: 7) { Q8_0(kernels: $0) },
      Entry(fileType: 10, smallerBlock: "q4_0") { Q2_K(kernels: $0) },
      Entry(fileType: 12, smallerBlock: "q4_0") { Q3_K(kernels: $0) },
      Entry(fileType: 15, smallerBlock: "q5_0") { Q4_K(kernels: $0) },
      Entry(fileType: 17, smallerBlock: "q5_1") { Q5_K(kernels: $0) },
      Entry(fileType: 18, smallerBlock: "q8_0") { Q6_K(kernels: $0) },
      Entry(fileType: 25) { IQ4_NL(kernels: $0) },
      Entry(fileType: 30, smallerBlock: "iq4_nl") { IQ4_XS(kernels: $0) },
      Entry(fileType: 36, smallerBlock: "q4_0") { TQ1_0(kernels: $0) },
      Entry(fileType: 37, smallerBlock: "q4_0") { TQ2_0(kernels: $0) },
      Entry(fileType: 38) { MXFP4(kernels: $0) },
      Entry(fileType: 39) { NVFP4(kernels: $0) },
      Entry(fileType: 40) { Q1_0(kernels: $0) },
      Entry(fileType: 41, smallerBlock: "q4_0") { Q2_0(kernels: $0) },
      Entry(fileType: 24) { IQ1_S(kernels: $0) },
      Entry(fileType: 31) { IQ1_M(kernels: $0) },
      Entry(fileType: 19) { IQ2_XXS(kernels: $0) },
      Entry(fileType: 20) { IQ2_XS(kernels: $0) },
      Entry(fileType: 28) { IQ2_S(kernels: $0) },
      Entry(fileType: 23) { IQ3_XXS(kernels: $0) },
      Entry(fileType: 26) { IQ3_S(kernels: $0) },
    ] + BlockwiseCode.all.map { Entry($0) }

  /// The row of that name, without block size; nil where there is none.
  public static func entry(named name: String) -> Entry? { entries.first { $0.name == name } }

  /// The codec of that name: `q4_0`, `nf4`, or `nf4/128` with a block size; nil where there is none.
  public static func codec(named name: String, kernels: KernelSet = .best) -> (any ReferencedCodec)? {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard let entry = entry(named: String(parts[0])) else { return nil }
    switch parts.count {
    case 1:
      return entry.codec(kernels: kernels)
    case 2:
      guard entry.takesBlockSize, let size = Int(parts[1]), BlockwiseCodec.blockSizes.contains(size) else {
        return nil
      }
      return entry.codec(blockSize: size, kernels: kernels)
    default:
      return nil
    }
  }

  /// The codec of tensors with that encoding; nil where such tensors can only be copied.
  public static func codec(for encoding: Encoding, kernels: KernelSet = .best) -> (any ReferencedCodec)? {
    entries.first { $0.encoding == encoding }?.codec(kernels: kernels)
  }
}
