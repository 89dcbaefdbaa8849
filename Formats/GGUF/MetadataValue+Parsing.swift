internal import Bytes
internal import Tensors

extension MetadataValue {
  /// Levels of arrays in arrays that are read.
  static let nestingLimit = 4

  /// Reads the value that belongs to `key`, from its type number on.
  init(parsing reader: inout HeaderReader, key: String) throws(FileError) {
    let type = try MetadataType(parsing: &reader, key: key)
    switch type {
    case .array: try self.init(parsingArray: &reader, key: key, depth: 1)
    default: try self.init(parsing: &reader, type: type, key: key)
    }
  }

  private init(parsing reader: inout HeaderReader, type: MetadataType, key: String) throws(FileError) {
    let what = "a \(type.name)"
    switch type {
    case .uint8: self = .uint8(try reader.integer(UInt8.self, for: what, subject: key))
    case .int8: self = .int8(try reader.integer(Int8.self, for: what, subject: key))
    case .uint16: self = .uint16(try reader.integer(UInt16.self, for: what, subject: key))
    case .int16: self = .int16(try reader.integer(Int16.self, for: what, subject: key))
    case .uint32: self = .uint32(try reader.integer(UInt32.self, for: what, subject: key))
    case .int32: self = .int32(try reader.integer(Int32.self, for: what, subject: key))
    case .uint64: self = .uint64(try reader.integer(UInt64.self, for: what, subject: key))
    case .int64: self = .int64(try reader.integer(Int64.self, for: what, subject: key))
    case .float32: self = .float32(Float(bitPattern: try reader.integer(UInt32.self, for: what, subject: key)))
    case .float64: self = .float64(Double(bitPattern: try reader.integer(UInt64.self, for: what, subject: key)))
    case .bool: self = .bool(try reader.bools(1, key: key)[0])
    case .string:
      let bytes = try reader.string("the string's length", subject: key)
      if let text = String(comparable: bytes) {
        self = .string(text)
      } else {
        self = .rawString(Array(bytes))
      }
    case .array: try self.init(parsingArray: &reader, key: key, depth: 1)
    }
  }

  private init(parsingArray reader: inout HeaderReader, key: String, depth: Int) throws(FileError) {
    let type = try MetadataType(parsing: &reader, key: key)
    let count = try reader.count(
      of: "the array's number of elements", minimumSize: type.minimumSize, subject: key, rule: .array)
    switch type {
    case .uint8: self = .uint8s(try reader.integers(count, key: key))
    case .int8: self = .int8s(try reader.integers(count, key: key))
    case .uint16: self = .uint16s(try reader.integers(count, key: key))
    case .int16: self = .int16s(try reader.integers(count, key: key))
    case .uint32: self = .uint32s(try reader.integers(count, key: key))
    case .int32: self = .int32s(try reader.integers(count, key: key))
    case .uint64: self = .uint64s(try reader.integers(count, key: key))
    case .int64: self = .int64s(try reader.integers(count, key: key))
    case .float32: self = .float32s(try reader.integers(count, key: key) { Float(bitPattern: $0 as UInt32) })
    case .float64: self = .float64s(try reader.integers(count, key: key) { Double(bitPattern: $0 as UInt64) })
    case .bool: self = .bools(try reader.bools(count, key: key))
    case .string: self = try reader.strings(count, key: key)
    case .array:
      guard depth < Self.nestingLimit else {
        throw reader.broken(
          .array, .unsupported, subject: key, "arrays are nested more than \(Self.nestingLimit) deep")
      }
      var values: [MetadataValue] = []
      for _ in 0..<count {
        values.append(try MetadataValue(parsingArray: &reader, key: key, depth: depth + 1))
      }
      self = .arrays(values)
    }
  }
}

extension MetadataType {
  fileprivate init(parsing reader: inout HeaderReader, key: String) throws(FileError) {
    let place = reader.offset
    let stored = try reader.integer(UInt32.self, for: "a value's type", subject: key)
    guard let type = MetadataType(rawValue: stored) else {
      throw reader.broken(.valueType, subject: key, at: place, "the value has type \(stored); types are 0 to 12")
    }
    self = type
  }
}

extension HeaderReader {
  /// Elements are converted in pieces of this many bytes.
  private static let pieceSize = 1 << 16

  /// The bytes of a string, from its length on.
  mutating func string(_ what: String, subject: String? = nil) throws(FileError) -> ArraySlice<UInt8> {
    let count = try count(of: what, minimumSize: 1, subject: subject, rule: .string)
    return try slice(count, for: "a string", subject: subject)
  }

  fileprivate mutating func integers<Integer: FixedWidthInteger>(
    _ count: Int, key: String
  ) throws(FileError) -> [Integer] {
    try integers(count, key: key) { $0 }
  }

  /// `count` elements, which the caller has compared with the bytes that remain.
  fileprivate mutating func integers<Integer: FixedWidthInteger, Element>(
    _ count: Int, key: String, _ element: (Integer) -> Element
  ) throws(FileError) -> [Element] {
    let size = Integer.bitWidth / 8
    var elements: [Element] = []
    elements.reserveCapacity(count)
    while elements.count < count {
      let piece = try slice(
        min((count - elements.count) * size, Self.pieceSize), for: "an array", subject: key)
      for start in stride(from: piece.startIndex, to: piece.endIndex, by: size) {
        elements.append(element(Integer(piece, at: start, isLittleEndian: isLittleEndian)))
      }
    }
    return elements
  }

  fileprivate mutating func bools(_ count: Int, key: String) throws(FileError) -> [Bool] {
    let place = offset
    let bytes: [UInt8] = try integers(count, key: key)
    return try bytes.indices.map { index throws(FileError) in
      guard bytes[index] <= 1 else {
        throw broken(
          .bool, subject: key, at: place + index, "a bool is stored as \(bytes[index]); 0 and 1 are allowed")
      }
      return bytes[index] == 1
    }
  }

  /// Strings if they are all UTF-8, else the bytes of all.
  fileprivate mutating func strings(_ count: Int, key: String) throws(FileError) -> MetadataValue {
    var texts: [String] = []
    texts.reserveCapacity(count)
    while texts.count < count {
      let bytes = try string("a string's length", subject: key)
      guard let text = String(comparable: bytes) else {
        var all = texts.map { Array($0.utf8) }
        texts = []
        all.append(Array(bytes))
        while all.count < count { all.append(Array(try string("a string's length", subject: key))) }
        return .rawStrings(all)
      }
      texts.append(text)
    }
    return .strings(texts)
  }
}

extension String {
  /// Nil for bytes that are no UTF-8, and for text that would take ages to compare. Either stays bytes.
  fileprivate init?(comparable bytes: ArraySlice<UInt8>) {
    guard let text = String(validating: bytes, as: UTF8.self), StreamSafeText.holds(text) else { return nil }
    self = text
  }
}
