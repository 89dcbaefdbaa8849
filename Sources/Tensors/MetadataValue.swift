/// A value of the metadata, in the type it has on disk. Arrays keep their elements densely, whatever their length.
///
/// Strings should be UTF-8, and almost always are. Where the bytes are not, they are kept as they are:
/// `rawString`, and `rawStrings` for an array in which at least one string is not UTF-8.
public enum MetadataValue: Hashable, Sendable {
  case uint8(UInt8)
  case int8(Int8)
  case uint16(UInt16)
  case int16(Int16)
  case uint32(UInt32)
  case int32(Int32)
  case uint64(UInt64)
  case int64(Int64)
  case float32(Float)
  case float64(Double)
  case bool(Bool)
  case string(String)
  /// A string whose bytes are not UTF-8.
  case rawString([UInt8])

  case uint8s([UInt8])
  case int8s([Int8])
  case uint16s([UInt16])
  case int16s([Int16])
  case uint32s([UInt32])
  case int32s([Int32])
  case uint64s([UInt64])
  case int64s([Int64])
  case float32s([Float])
  case float64s([Double])
  case bools([Bool])
  case strings([String])
  /// Strings of which at least one is not UTF-8.
  case rawStrings([[UInt8]])
  /// Arrays in an array. Each element is one of the array cases.
  case arrays([MetadataValue])
}

extension MetadataValue {
  /// The type as messages and listings show it: `u32`, `[f32]`, `[[string]]`.
  public var typeName: String {
    guard case .array = type else { return type.name }
    if case .arrays(let values) = self { return "[\(values.first?.typeName ?? "array")]" }
    return "[\(elementType.name)]"
  }

  /// Type and size, for messages: `i16 -1`, `[f32] of 20`, `string that is not UTF-8`.
  package var summary: String {
    switch self {
    case .rawString: "\(typeName) that is not UTF-8"
    case .rawStrings(let values): "\(typeName) of \(values.count) that are not all UTF-8"
    case .uint64(let value): "\(typeName) \(value)"
    default:
      if let elementCount { "\(typeName) of \(elementCount)" } else { integer.map { "\(typeName) \($0)" } ?? typeName }
    }
  }

  /// Number of elements of an array, nil for a single value.
  public var elementCount: Int? {
    switch self {
    case .uint8s(let values): values.count
    case .int8s(let values): values.count
    case .uint16s(let values): values.count
    case .int16s(let values): values.count
    case .uint32s(let values): values.count
    case .int32s(let values): values.count
    case .uint64s(let values): values.count
    case .int64s(let values): values.count
    case .float32s(let values): values.count
    case .float64s(let values): values.count
    case .bools(let values): values.count
    case .strings(let values): values.count
    case .rawStrings(let values): values.count
    case .arrays(let values): values.count
    default: nil
    }
  }

  /// The type on disk.
  package var type: MetadataType {
    elementCount == nil ? elementType : .array
  }

  /// The type of an array's elements, or of a single value.
  package var elementType: MetadataType {
    switch self {
    case .uint8, .uint8s: .uint8
    case .int8, .int8s: .int8
    case .uint16, .uint16s: .uint16
    case .int16, .int16s: .int16
    case .uint32, .uint32s: .uint32
    case .int32, .int32s: .int32
    case .uint64, .uint64s: .uint64
    case .int64, .int64s: .int64
    case .float32, .float32s: .float32
    case .float64, .float64s: .float64
    case .bool, .bools: .bool
    case .string, .rawString, .strings, .rawStrings: .string
    case .arrays: .array
    }
  }
}
