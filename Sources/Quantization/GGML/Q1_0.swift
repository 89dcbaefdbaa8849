public import Tensors

extension Encoding {
  /// 128 elements: scale F16, signs[16].
  public static let q1_0 = Encoding(name: "q1_0", elementsPerBlock: 128, bytesPerBlock: 18)
}

/// `q1_0`: one bit, set where a value is not below zero. `value = bit ? scale : -scale`, the scale being the mean
/// magnitude.
///
/// Source: ggml `quantize_row_q1_0_ref`.
public struct Q1_0: BlockCodec {
  private let kernels: KernelSet

  public init(kernels: KernelSet = .best) { self.kernels = kernels }

  public var encoding: Encoding { .q1_0 }

  public func referenceEncode(block values: [Float]) throws(CodecError) -> [UInt8] {
    let scale = values.reduce(Float(0)) { $0 + $1.magnitude } / 128
    return try GGMLBlock.half(scale) + Self.packed(values.map { $0 >= 0 ? 1 : 0 })
  }

  private static func packed(_ codes: [UInt8]) -> [UInt8] {
    stride(from: 0, to: 128, by: 8).map { first in
      codes[first..<first + 8].reversed().reduce(UInt8(0)) { $0 << 1 | $1 }
    }
  }

  public func referenceDecode(block bytes: [UInt8]) -> [Float] {
    let scale = GGMLBlock.half(bytes[0...])
    return (0..<128).map { bytes[2 + $0 / 8] >> UInt8($0 % 8) & 1 == 1 ? scale : -scale }
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    kernels.encodeQ1_0(values, into: &bytes)
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    kernels.decodeQ1_0(bytes, into: &values)
  }
}

extension Q1_0: ScalarBlockCodec {
  public var grid: ScalarGrid {
    .scaled([-1, 1], rounding: .f16, block: 128, reference: 1)
  }

  func bytes(of block: CodedBlock) throws(CodecError) -> [UInt8] {
    try GGMLBlock.half(block.scales[0]) + Self.packed(block.codes.map { UInt8($0) })
  }
}
