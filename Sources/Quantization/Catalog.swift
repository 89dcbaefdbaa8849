public import Tensors

/// Every codec, one line each: what the command line offers, the tests check and the benchmarks measure.
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

    public var description: String { name }

    private let make: @Sendable (_ blockSize: Int, KernelSet) -> any ReferencedCodec

    init(_ make: @escaping @Sendable (KernelSet) -> any BlockCodec) {
      let codec = make(.best)
      encoding = codec.encoding
      name = codec.name
      canEncode = codec.canEncode
      takesBlockSize = false
      self.make = { _, kernels in make(kernels) }
    }

    init(_ code: BlockwiseCode) {
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
      Entry { Float32Codec(kernels: $0) },
      Entry { Float16Codec(kernels: $0) },
      Entry { BFloat16Codec(kernels: $0) },
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
      Entry { Q4_0(kernels: $0) },
      Entry { Q4_1(kernels: $0) },
      Entry { Q5_0(kernels: $0) },
      Entry { Q5_1(kernels: $0) },
      Entry { Q8_0(kernels: $0) },
      Entry { Q2_K(kernels: $0) },
      Entry { Q3_K(kernels: $0) },
      Entry { Q4_K(kernels: $0) },
      Entry { Q5_K(kernels: $0) },
      Entry { Q6_K(kernels: $0) },
      Entry { IQ4_NL(kernels: $0) },
      Entry { IQ4_XS(kernels: $0) },
      Entry { TQ1_0(kernels: $0) },
      Entry { TQ2_0(kernels: $0) },
      Entry { MXFP4(kernels: $0) },
      Entry { NVFP4(kernels: $0) },
      Entry { Q1_0(kernels: $0) },
      Entry { Q2_0(kernels: $0) },
      Entry { IQ1_S(kernels: $0) },
      Entry { IQ1_M(kernels: $0) },
      Entry { IQ2_XXS(kernels: $0) },
      Entry { IQ2_XS(kernels: $0) },
      Entry { IQ2_S(kernels: $0) },
      Entry { IQ3_XXS(kernels: $0) },
      Entry { IQ3_S(kernels: $0) },
    ] + BlockwiseCode.all.map { Entry($0) }

  /// The codec of that name: `q4_0`, `nf4`, or `nf4/128` with a block size; nil where there is none.
  public static func codec(named name: String, kernels: KernelSet = .best) -> (any ReferencedCodec)? {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard let entry = entries.first(where: { $0.name == parts[0] }) else { return nil }
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
