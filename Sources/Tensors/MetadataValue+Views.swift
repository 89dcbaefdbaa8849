extension MetadataValue {
  /// An integer of any stored width that fits `Int`.
  public var integer: Int? {
    switch self {
    case .uint8(let value): Int(value)
    case .int8(let value): Int(value)
    case .uint16(let value): Int(value)
    case .int16(let value): Int(value)
    case .uint32(let value): Int(value)
    case .int32(let value): Int(value)
    case .uint64(let value): Int(exactly: value)
    case .int64(let value): Int(value)
    default: nil
    }
  }

  /// An integer of any stored width that is not negative.
  public var unsigned: UInt64? {
    if case .uint64(let value) = self { return value }
    return integer.flatMap(UInt64.init(exactly:))
  }

  /// A floating-point value of either width.
  public var float: Float? {
    switch self {
    case .float32(let value): value
    case .float64(let value): Float(value)
    default: nil
    }
  }

  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// A string that is UTF-8.
  public var string: String? { if case .string(let value) = self { value } else { nil } }

  /// An array of integers of any stored width that all fit `Int`.
  public var integers: [Int]? {
    switch self {
    case .uint8s(let values): values.map(Int.init)
    case .int8s(let values): values.map(Int.init)
    case .uint16s(let values): values.map(Int.init)
    case .int16s(let values): values.map(Int.init)
    case .uint32s(let values): values.map(Int.init)
    case .int32s(let values): values.map(Int.init)
    case .uint64s(let values): values.allSatisfy { $0 <= UInt64(Int.max) } ? values.map { Int($0) } : nil
    case .int64s(let values): values.map(Int.init)
    default: nil
    }
  }

  /// An array of floating-point values of either width.
  public var floats: [Float]? {
    switch self {
    case .float32s(let values): values
    case .float64s(let values): values.map { Float($0) }
    default: nil
    }
  }

  public var bools: [Bool]? { if case .bools(let values) = self { values } else { nil } }

  /// An array of strings that are all UTF-8.
  public var strings: [String]? { if case .strings(let values) = self { values } else { nil } }

  /// The bytes of an array of strings, whether they are UTF-8 or not.
  public var stringBytes: [[UInt8]]? {
    switch self {
    case .strings(let values): values.map { Array($0.utf8) }
    case .rawStrings(let values): values
    default: nil
    }
  }
}
