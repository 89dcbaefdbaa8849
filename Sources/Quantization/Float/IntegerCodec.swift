public import Tensors

/// Whole numbers. Decoding rounds those of more than 24 bits to the nearest Float; encoding takes only values that
/// are whole numbers within range.
public struct IntegerCodec: BlockCodec {
  public let encoding: Encoding
  private let isSigned: Bool

  private init(_ encoding: Encoding, isSigned: Bool) {
    self.encoding = encoding
    self.isSigned = isSigned
  }

  public static let i8 = IntegerCodec(.i8, isSigned: true)
  public static let u8 = IntegerCodec(.u8, isSigned: false)
  public static let i16 = IntegerCodec(.i16, isSigned: true)
  public static let u16 = IntegerCodec(.u16, isSigned: false)
  public static let i32 = IntegerCodec(.i32, isSigned: true)
  public static let u32 = IntegerCodec(.u32, isSigned: false)
  public static let i64 = IntegerCodec(.i64, isSigned: true)
  public static let u64 = IntegerCodec(.u64, isSigned: false)

  private var bits: Int { 8 * encoding.bytesPerBlock }

  public func referenceEncode(block: [Float]) throws(CodecError) -> [UInt8] {
    let value = block[0]
    let limit = Float(sign: .plus, exponent: isSigned ? bits - 1 : bits, significand: 1)
    guard value == value.rounded(), value < limit, value >= (isSigned ? -limit : 0) else {
      throw .notRepresentable(index: 0)
    }
    let pattern = isSigned ? UInt64(bitPattern: Int64(value)) : UInt64(value)
    return Array(pattern.littleEndianBytes.prefix(encoding.bytesPerBlock))
  }

  public func referenceDecode(block: [UInt8]) -> [Float] {
    let pattern = UInt64(littleEndian: block)
    guard isSigned else { return [Float(pattern)] }
    // The sign bit is moved to the top and back, so that it fills what is above it.
    return [Float(Int64(bitPattern: pattern << UInt64(64 - bits)) >> Int64(64 - bits))]
  }

  public func encodeBlocks(_ values: Span<Float>, into bytes: inout MutableRawSpan) -> Int {
    switch (bits, isSigned) {
    case (8, true): encode(values, as: Int8.self, into: &bytes)
    case (8, false): encode(values, as: UInt8.self, into: &bytes)
    case (16, true): encode(values, as: Int16.self, into: &bytes)
    case (16, false): encode(values, as: UInt16.self, into: &bytes)
    case (32, true): encode(values, as: Int32.self, into: &bytes)
    case (32, false): encode(values, as: UInt32.self, into: &bytes)
    case (_, true): encode(values, as: Int64.self, into: &bytes)
    case (_, false): encode(values, as: UInt64.self, into: &bytes)
    }
  }

  public func decodeBlocks(_ bytes: RawSpan, into values: inout MutableSpan<Float>) {
    switch (bits, isSigned) {
    case (8, true): decode(bytes, as: Int8.self, into: &values)
    case (8, false): decode(bytes, as: UInt8.self, into: &values)
    case (16, true): decode(bytes, as: Int16.self, into: &values)
    case (16, false): decode(bytes, as: UInt16.self, into: &values)
    case (32, true): decode(bytes, as: Int32.self, into: &values)
    case (32, false): decode(bytes, as: UInt32.self, into: &values)
    case (_, true): decode(bytes, as: Int64.self, into: &values)
    case (_, false): decode(bytes, as: UInt64.self, into: &values)
    }
  }

  // Generic functions called with concrete types are compiled for each: a generic codec behind `any Codec` is not,
  // and was a hundred times slower.

  private func encode<Integer: FixedWidthInteger & BitwiseCopyable>(
    _ values: Span<Float>, as type: Integer.Type, into bytes: inout MutableRawSpan
  ) -> Int {
    for index in values.indices {
      guard let integer = Integer(exactly: values[index]) else { return index }
      bytes.store(integer, at: index * MemoryLayout<Integer>.size)
    }
    return values.count
  }

  private func decode<Integer: FixedWidthInteger & BitwiseCopyable>(
    _ bytes: RawSpan, as type: Integer.Type, into values: inout MutableSpan<Float>
  ) {
    for index in values.indices {
      values[index] = Float(bytes.load(at: index * MemoryLayout<Integer>.size) as Integer)
    }
  }
}
