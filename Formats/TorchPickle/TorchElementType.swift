public import Tensors

/// The element types of PyTorch: how pickles name them, and the encodings they stand for.
///
/// A class, since values of a pickle may be one, and there are millions of those.
public final class TorchElementType: Hashable, Sendable {
  /// As `torch.dtype`: `bfloat16`.
  public let name: String
  /// The class of storages of that type, `BFloat16Storage`; nil for types whose storages are stored as bytes.
  public let storageClass: String?
  /// Nil for types whose tensors are not read.
  public let encoding: Encoding?

  /// Every element type that a file may name. Those of other names are refused like any other global.
  public static let all: [TorchElementType] = [
    TorchElementType("float32", "FloatStorage", .f32),
    TorchElementType("float64", "DoubleStorage", .f64),
    TorchElementType("float16", "HalfStorage", .f16),
    TorchElementType("bfloat16", "BFloat16Storage", .bf16),
    TorchElementType("int64", "LongStorage", .i64),
    TorchElementType("int32", "IntStorage", .i32),
    TorchElementType("int16", "ShortStorage", .i16),
    TorchElementType("int8", "CharStorage", .i8),
    TorchElementType("uint8", "ByteStorage", .u8),
    TorchElementType("bool", "BoolStorage", .bool),
    TorchElementType("complex64", "ComplexFloatStorage", .c64),
    TorchElementType("uint16", nil, .u16),
    TorchElementType("uint32", nil, .u32),
    TorchElementType("uint64", nil, .u64),
    TorchElementType("float8_e4m3fn", nil, .f8E4M3),
    TorchElementType("float8_e5m2", nil, .f8E5M2),
    TorchElementType("float8_e8m0fnu", nil, .f8E8M0),
    TorchElementType("float8_e4m3fnuz", nil, .f8E4M3FNUZ),
    TorchElementType("float8_e5m2fnuz", nil, .f8E5M2FNUZ),
    TorchElementType("complex128", "ComplexDoubleStorage", nil),
    TorchElementType("complex32", nil, nil),
    TorchElementType("float4_e2m1fn_x2", nil, nil),
    TorchElementType("qint8", "QInt8Storage", nil),
    TorchElementType("qint32", "QInt32Storage", nil),
    TorchElementType("quint8", "QUInt8Storage", nil),
    TorchElementType("quint4x2", "QUInt4x2Storage", nil),
    TorchElementType("quint2x4", "QUInt2x4Storage", nil),
  ]

  private init(_ name: String, _ storageClass: String?, _ encoding: Encoding?) {
    self.name = name
    self.storageClass = storageClass
    self.encoding = encoding
  }

  public static func == (one: TorchElementType, other: TorchElementType) -> Bool { one === other }

  public func hash(into hasher: inout Hasher) { hasher.combine(name) }

  static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })
  static let byStorageClass = Dictionary(
    uniqueKeysWithValues: all.compactMap { type in type.storageClass.map { ($0, type) } })
}

extension Encoding {
  /// Bytes whose order is turned in data of the other byte order: those of a number, of which a complex one has two.
  var bytesPerNumber: Int { self == .c64 ? 4 : bytesPerBlock }
}
