internal import FoundationEssentials

extension JSONValue {
  /// Parses a whole document. A number that is whole and fits `Int` becomes an integer, also when it was written as
  /// `2.0`; any other becomes the nearest `Double`.
  /// - Throws: `JSONError` when the bytes are not one valid JSON document in UTF-8, when arrays and objects nest deeper
  ///   than `JSONReader` allows, or when an object has a key twice.
  public init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
    var reader = JSONReader(Array(bytes))
    try self.init(&reader)
    try reader.finish()
  }

  /// Takes the value that comes next in a document of which the rest is read in another way.
  public init(_ reader: inout JSONReader) throws(JSONError) {
    _ = try reader.peek()
    let start = reader.offset
    try Self.check(&reader)
    do {
      self = try JSONDecoder().decode(JSONValue.self, from: Data(reader.bytes[start..<reader.offset]))
    } catch {
      throw JSONError("the value cannot be decoded: \(error)", offset: start)
    }
  }

  /// Passes over the value that is decoded next. Foundation's decoder lets pass what is an error here: commas at the
  /// end, UTF-16, and two members with one key, of which it takes the first, where Python takes the last.
  private static func check(_ reader: inout JSONReader) throws(JSONError) {
    switch try reader.peek() {
    case .array:
      try reader.beginArray()
      while try reader.nextElement() { try check(&reader) }
    case .object:
      var keys: Set<String> = []
      try reader.beginObject()
      while let key = try reader.nextKey() {
        guard keys.insert(key).inserted else {
          throw JSONError("the key \(key.debugDescription) is there twice", offset: reader.offset)
        }
        try check(&reader)
      }
    default: try reader.skipValue()
    }
  }
}

extension JSONValue: Decodable {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }
}
