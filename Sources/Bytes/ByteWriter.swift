/// Collects the bytes of a header in little-endian order.
public struct ByteWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  public var count: Int { bytes.count }

  /// Makes room for that many bytes, so that a long header is not copied as it grows.
  public mutating func reserveCapacity(_ byteCount: Int) { bytes.reserveCapacity(byteCount) }

  public mutating func write(_ value: some FixedWidthInteger) {
    var rest = value
    for _ in 0..<(value.bitWidth / 8) {
      bytes.append(UInt8(truncatingIfNeeded: rest))
      rest >>= 8
    }
  }

  public mutating func write(_ value: Float) { write(value.bitPattern) }

  public mutating func write(_ value: Double) { write(value.bitPattern) }

  public mutating func write(contentsOf other: some Sequence<UInt8>) { bytes.append(contentsOf: other) }
}
