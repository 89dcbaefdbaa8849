/// How the elements of a stored tensor lie in bytes: blocks of `elementsPerBlock` elements in
/// `bytesPerBlock` bytes. A plain element type has one element a block (or the fewest that fill whole
/// bytes: two for F4, four for F6).
///
/// A class, since there are some dozens of them and up to millions of descriptors that name one.
public final class Encoding: Hashable, Sendable, CustomStringConvertible {
  /// Lower case, as on the command line: `bf16`, `f8_e4m3`, `q4_0`.
  public let name: String
  public let elementsPerBlock: Int
  public let bytesPerBlock: Int

  public init(name: String, elementsPerBlock: Int, bytesPerBlock: Int) {
    self.name = name
    self.elementsPerBlock = elementsPerBlock
    self.bytesPerBlock = bytesPerBlock
  }

  public var description: String { name }

  public static func == (one: Encoding, other: Encoding) -> Bool {
    one === other
      || (one.name, one.elementsPerBlock, one.bytesPerBlock) == (
        other.name, other.elementsPerBlock, other.bytesPerBlock
      )
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(name) }

  /// Bytes of `elements` elements; nil when they are not a whole number of blocks or the product overflows.
  public func byteCount(elements: Int) -> Int? {
    guard elements >= 0, elements % elementsPerBlock == 0 else { return nil }
    let (bytes, overflow) = (elements / elementsPerBlock).multipliedReportingOverflow(by: bytesPerBlock)
    return overflow ? nil : bytes
  }

  private static func element(_ name: String, bytes: Int) -> Encoding {
    Encoding(name: name, elementsPerBlock: 1, bytesPerBlock: bytes)
  }
}

// MARK: - Element types

extension Encoding {
  public static let bool = element("bool", bytes: 1)
  public static let u8 = element("u8", bytes: 1)
  public static let i8 = element("i8", bytes: 1)
  public static let u16 = element("u16", bytes: 2)
  public static let i16 = element("i16", bytes: 2)
  public static let u32 = element("u32", bytes: 4)
  public static let i32 = element("i32", bytes: 4)
  public static let u64 = element("u64", bytes: 8)
  public static let i64 = element("i64", bytes: 8)
  public static let f16 = element("f16", bytes: 2)
  public static let bf16 = element("bf16", bytes: 2)
  public static let f32 = element("f32", bytes: 4)
  public static let f64 = element("f64", bytes: 8)
  public static let c64 = element("c64", bytes: 8)
  public static let f8E4M3 = element("f8_e4m3", bytes: 1)
  public static let f8E5M2 = element("f8_e5m2", bytes: 1)
  public static let f8E8M0 = element("f8_e8m0", bytes: 1)
  public static let f8E4M3FNUZ = element("f8_e4m3fnuz", bytes: 1)
  public static let f8E5M2FNUZ = element("f8_e5m2fnuz", bytes: 1)
  public static let f4 = Encoding(name: "f4", elementsPerBlock: 2, bytesPerBlock: 1)
  public static let f6E2M3 = Encoding(name: "f6_e2m3", elementsPerBlock: 4, bytesPerBlock: 3)
  public static let f6E3M2 = Encoding(name: "f6_e3m2", elementsPerBlock: 4, bytesPerBlock: 3)
}

extension Encoding {
  /// Whether the elements are whole numbers or truth values: no weights, so that no type is forced on them.
  public var isInteger: Bool {
    [.bool, .u8, .i8, .u16, .i16, .u32, .i32, .u64, .i64].contains(self)
  }
}
