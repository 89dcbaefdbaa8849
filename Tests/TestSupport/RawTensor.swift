/// A tensor as a test makes it: the bytes that a safetensors file will hold.
public struct RawTensor: Sendable {
  public let name: String
  /// As safetensors spells it: `BF16`.
  public let type: String
  public let shape: [Int]
  public var bytes: [UInt8]

  public init(_ name: String, type: String, shape: [Int], bytes: [UInt8]) {
    self.name = name
    self.type = type
    self.shape = shape
    self.bytes = bytes
  }

  /// `values` as F32, F16 or, cut off, BF16.
  public init(_ name: String, type: String = "F32", shape: [Int], values: [Float]) {
    let bytes = values.flatMap { value -> [UInt8] in
      switch type {
      case "F16": Self.littleEndian(Float16(value).bitPattern)
      case "BF16": Self.littleEndian(UInt16(value.bitPattern >> 16))
      default: Self.littleEndian(value.bitPattern)
      }
    }
    self.init(name, type: type, shape: shape, bytes: bytes)
  }

  /// The values of an F32, F16 or BF16 tensor.
  public var values: [Float] {
    let width = type == "F32" ? 4 : 2
    return stride(from: 0, to: bytes.count, by: width).map { start in
      let bits = bytes[start..<start + width].reversed().reduce(0) { $0 << 8 | UInt32($1) }
      return switch type {
      case "F16": Float(Float16(bitPattern: UInt16(bits)))
      case "BF16": Float(bitPattern: bits << 16)
      default: Float(bitPattern: bits)
      }
    }
  }

  private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
  }
}
