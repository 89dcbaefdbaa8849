extension JSONValue {
  /// Parses a whole document. Of two members with one key the last counts, as in Python; an integer that does not fit
  /// `Int` becomes a number.
  /// - Throws: `JSONError` when the bytes are not one valid JSON document in UTF-8, or when arrays and objects nest
  ///   deeper than `JSONReader` allows.
  public init(parsing bytes: some Sequence<UInt8>) throws(JSONError) {
    var reader = JSONReader(Array(bytes))
    try self.init(&reader)
    try reader.finish()
  }

  /// Reads the value that comes next.
  public init(_ reader: inout JSONReader) throws(JSONError) {
    switch try reader.peek() {
    case .null:
      try reader.readNull()
      self = .null
    case .bool: self = .bool(try reader.readBool())
    case .number:
      switch try reader.readNumber() {
      case .integer(let value): self = .integer(value)
      case .floating(let value): self = .number(value)
      }
    case .string: self = .string(try reader.readString())
    case .array:
      var values: [JSONValue] = []
      try reader.beginArray()
      while try reader.nextElement() { values.append(try JSONValue(&reader)) }
      self = .array(values)
    case .object:
      var members: [String: JSONValue] = [:]
      try reader.beginObject()
      while let key = try reader.nextKey() { members[key] = try JSONValue(&reader) }
      self = .object(members)
    }
  }
}
