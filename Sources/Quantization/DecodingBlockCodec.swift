/// A block codec that only decodes: tensors of its type can be read, run, measured and stored as another type. Encoding
/// throws.
public protocol DecodingBlockCodec: BlockCodec {}

extension DecodingBlockCodec {
  public var canEncode: Bool { false }

  public func encode(_ values: Span<Float>, into bytes: inout MutableRawSpan) throws(CodecError) {
    throw .notEncodable(type: name)
  }

  public func referenceEncode(_ values: [Float]) throws(CodecError) -> [UInt8] {
    throw .notEncodable(type: name)
  }

  public func referenceEncode(block: [Float]) throws(CodecError) -> [UInt8] {
    throw .notEncodable(type: name)
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int { 0 }
}
