public import Tensors

/// `f64`: double precision. Decoding rounds to Float, and what is too large for it becomes infinite.
public struct Float64Codec: BlockCodec {
  public init() {}

  public var encoding: Encoding { .f64 }

  public func referenceEncode(block: [Float]) throws(CodecError) -> [UInt8] {
    Double(block[0]).bitPattern.littleEndianBytes
  }

  public func referenceDecode(block: [UInt8]) -> [Float] {
    [Float(Double(bitPattern: UInt64(littleEndian: block)))]
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    for index in values.indices {
      guard values[index].isFinite else { return index }
      bytes.store(Double(values[index]).bitPattern, at: 8 * index)
    }
    return values.count
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    for index in values.indices {
      values[index] = Float(Double(bitPattern: bytes.load(at: 8 * index)))
    }
  }
}
