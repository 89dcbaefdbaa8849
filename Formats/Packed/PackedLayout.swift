public import Tensors

/// How the bytes of a region are rearranged before they are compressed. Every layout can be undone exactly, for any
/// bytes.
public struct PackedLayout: Hashable, Sendable {
  /// Bytes of an element: 1, 2, 4 or 8. Byte `i` of every element goes into plane `i`, least significant first.
  public let elementWidth: Int
  /// Whether each element is first rotated left by one bit, so that a float's sign goes to the lowest place and
  /// the eight bits below it, the exponent of BF16 and F32, become the highest plane.
  public let rotatesSign: Bool

  /// As they are.
  public static let bytes = PackedLayout(elementWidth: 1, rotatesSign: false)

  init(elementWidth: Int, rotatesSign: Bool) {
    self.elementWidth = elementWidth
    self.rotatesSign = rotatesSign
  }

  /// What suits an encoding. Block-quantized types are left as they are.
  public init(for encoding: Encoding) {
    switch encoding {
    case .bf16: self.init(elementWidth: 2, rotatesSign: true)
    case .f32, .c64: self.init(elementWidth: 4, rotatesSign: true)
    case .f64: self.init(elementWidth: 8, rotatesSign: true)
    case .f16, .i16, .u16: self.init(elementWidth: 2, rotatesSign: false)
    case .i32, .u32: self.init(elementWidth: 4, rotatesSign: false)
    case .i64, .u64: self.init(elementWidth: 8, rotatesSign: false)
    default: self = .bytes
    }
  }
}
