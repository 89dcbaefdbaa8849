public import Tensors

/// Whole numbers. Decoding rounds those of more than 24 bits to the nearest Float; encoding takes only values that
/// are whole numbers within range.
public struct IntegerCodec<Integer: FixedWidthInteger & BitwiseCopyable & Sendable>: BlockCodec {
  public let encoding: Encoding

  public init(_ encoding: Encoding) {
    precondition(encoding.bytesPerBlock == Integer.bitWidth / 8)
    self.encoding = encoding
  }

  public func referenceEncode(block: [Float]) throws(CodecError) -> [UInt8] {
    guard let integer = Integer(exactly: block[0]) else { throw .notRepresentable(index: 0) }
    return integer.littleEndianBytes
  }

  public func referenceDecode(block: [UInt8]) -> [Float] { [Float(Integer(littleEndian: block))] }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    for index in values.indices {
      guard let integer = Integer(exactly: values[index]) else { return index }
      bytes.store(integer, at: index * encoding.bytesPerBlock)
    }
    return values.count
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    for index in values.indices {
      values[index] = Float(bytes.load(at: index * encoding.bytesPerBlock) as Integer)
    }
  }
}
