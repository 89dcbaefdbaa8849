public import Tensors

/// The element types of the format: the name in a header, and the encoding it stands for.
public enum SafetensorsElementType {
  /// Every element type, in the alignment order of the reference library. Its writer puts tensors with types
  /// from the end of this list first.
  public static let all: [(name: String, encoding: Encoding)] = [
    ("BOOL", .bool),
    ("F4", .f4),
    ("F6_E2M3", .f6E2M3),
    ("F6_E3M2", .f6E3M2),
    ("U8", .u8),
    ("I8", .i8),
    ("F8_E5M2", .f8E5M2),
    ("F8_E4M3", .f8E4M3),
    ("F8_E8M0", .f8E8M0),
    ("F8_E4M3FNUZ", .f8E4M3FNUZ),
    ("F8_E5M2FNUZ", .f8E5M2FNUZ),
    ("I16", .i16),
    ("U16", .u16),
    ("F16", .f16),
    ("BF16", .bf16),
    ("I32", .i32),
    ("U32", .u32),
    ("F32", .f32),
    ("C64", .c64),
    ("F64", .f64),
    ("I64", .i64),
    ("U64", .u64),
  ]

  /// The encoding that a header's name stands for; nil for a name that is not in the format.
  public static func encoding(named name: String) -> Encoding? { encodings[name] }

  /// The name that a header has for an encoding; nil for one that only other containers can hold.
  public static func name(of encoding: Encoding) -> String? { rank(of: encoding).map { all[$0].name } }

  /// Place in the alignment order.
  static func rank(of encoding: Encoding) -> Int? { ranks[encoding] }

  private static let encodings = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0.encoding) })
  private static let ranks = Dictionary(
    uniqueKeysWithValues: all.enumerated().map { ($0.element.encoding, $0.offset) })
}
