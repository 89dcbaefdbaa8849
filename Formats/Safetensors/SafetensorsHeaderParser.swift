internal import Bytes
internal import JSON
internal import Shards
internal import Tensors

/// Reads the JSON of a header and checks every entry by itself.
struct SafetensorsHeaderParser {
  /// A tensor as the header describes it.
  struct Entry {
    var descriptor: TensorDescriptor
    /// Bytes from the start of the data.
    var begin: Int
    var end: Int
    /// Where in the file the description is.
    var headerOffset: Int
  }

  private(set) var entries: [Entry] = []
  private(set) var metadata: [String: String] = [:]
  /// Those there are, so that the many tensors of one shape have one array.
  private var shapes: Set<[Int]> = []

  mutating func parse(_ bytes: [UInt8], path: String) throws(FileError) {
    // The header, a tensor, its shape: nothing deeper belongs here.
    var reader = FileJSONReader(bytes, path: path, at: 8, rule: SafetensorsRule.strictJSON, maximumDepth: 3)
    var names: Set<String> = []
    try reader.beginObject()
    while let name = try reader.nextKey() {
      reader.subject = name
      guard names.insert(name).inserted else { throw reader.broken(.uniqueNames, "is described twice") }
      if name == SafetensorsHeader.metadataKey {
        try parseMetadata(&reader)
      } else {
        entries.append(try parseTensor(name, &reader))
      }
      reader.subject = nil
    }
    try reader.finish()
  }

  private mutating func parseMetadata(_ reader: inout FileJSONReader) throws(FileError) {
    if try reader.peek() == .null { return try reader.skipValue() }
    guard try reader.peek() == .object else { throw reader.broken(.metadata, "must be an object of strings") }
    try reader.beginObject()
    while let key = try reader.nextKey() {
      guard metadata[key] == nil else {
        throw reader.broken(.metadata, "has the key \(FileError.quoted(key)) twice")
      }
      guard try reader.peek() == .string else {
        throw reader.broken(.metadata, "the value of \(FileError.quoted(key)) must be a string")
      }
      metadata[key] = try reader.readString()
    }
  }

  private mutating func parseTensor(_ name: String, _ reader: inout FileJSONReader) throws(FileError) -> Entry {
    let start = reader.offset
    guard try reader.peek() == .object else {
      throw reader.broken(.fields, "must be an object with dtype, shape and data_offsets")
    }
    var encoding: Encoding?
    var shape: [Int]?
    var range: Range<Int>?
    try reader.beginObject()
    while let field = try reader.nextKey() {
      let isRepeated: Bool
      switch field {
      case "dtype":
        isRepeated = encoding != nil
        encoding = try parseElementType(&reader)
      case "shape":
        isRepeated = shape != nil
        shape = shapes.insert(try parseShape(&reader)).memberAfterInsert
      case "data_offsets":
        isRepeated = range != nil
        range = try parseOffsets(&reader)
      default:
        throw reader.broken(
          .fields, "has the field \(FileError.quoted(field)), whose meaning is not known", code: .unsupported)
      }
      guard !isRepeated else { throw reader.broken(.fields, "has \(field) twice") }
    }
    guard let encoding else { throw reader.broken(.fields, "has no dtype") }
    guard let shape else { throw reader.broken(.fields, "has no shape") }
    guard let range else { throw reader.broken(.fields, "has no data_offsets") }

    let descriptor: TensorDescriptor
    do throws(ShapeError) {
      descriptor = try TensorDescriptor(name: name, encoding: encoding, shape: shape)
    } catch {
      if case .partialBlocks = error {
        throw reader.broken(
          .wholeBytes, "\(encoding.name) elements of shape \(shape) do not fill whole bytes", at: start)
      }
      throw reader.broken(.shape, "\(error)", at: start)
    }
    guard range.count == descriptor.byteCount else {
      throw reader.broken(
        .size,
        "has \(range.count) bytes of data, but \(encoding.name) of shape \(shape) takes \(descriptor.byteCount)",
        at: start)
    }
    return Entry(
      descriptor: descriptor, begin: range.lowerBound, end: range.upperBound, headerOffset: start)
  }

  private func parseElementType(_ reader: inout FileJSONReader) throws(FileError) -> Encoding {
    guard try reader.peek() == .string else { throw reader.broken(.elementType, "dtype must be a string") }
    let start = reader.offset
    let name = try reader.readString()
    guard let encoding = SafetensorsElementType.encoding(named: name) else {
      throw reader.broken(
        .elementType, "the dtype \(FileError.quoted(name)) is not one of the format", at: start, code: .unsupported)
    }
    return encoding
  }

  private func parseShape(_ reader: inout FileJSONReader) throws(FileError) -> [Int] {
    let limit = SafetensorsHeader.maximumRank
    return try parseCounts(
      &reader, .shape, limit: limit, "shape must be an array of at most \(limit) whole numbers, none negative")
  }

  private func parseOffsets(_ reader: inout FileJSONReader) throws(FileError) -> Range<Int> {
    let start = reader.offset
    let wanted = "data_offsets must be two whole numbers, begin and end, none negative"
    let offsets = try parseCounts(&reader, .offsets, limit: 2, wanted)
    guard offsets.count == 2 else { throw reader.broken(.offsets, wanted, at: start) }
    guard offsets[0] <= offsets[1] else {
      throw reader.broken(.offsets, "its data begins at \(offsets[0]), after its end at \(offsets[1])", at: start)
    }
    return offsets[0]..<offsets[1]
  }

  /// An array of whole numbers that are not negative.
  private func parseCounts(
    _ reader: inout FileJSONReader, _ rule: SafetensorsRule, limit: Int, _ wanted: String
  ) throws(FileError) -> [Int] {
    guard try reader.peek() == .array else { throw reader.broken(rule, wanted) }
    var counts: [Int] = []
    try reader.beginArray()
    while try reader.nextElement() {
      guard try reader.peek() == .number, counts.count < limit else { throw reader.broken(rule, wanted) }
      let start = reader.offset
      guard case .integer(let count) = try reader.readNumber(), count >= 0 else {
        throw reader.broken(rule, wanted, at: start)
      }
      counts.append(count)
    }
    return counts
  }
}

extension FileJSONReader {
  /// An error of the rule `rule`, here or at `offset` in the file.
  fileprivate func broken(
    _ rule: SafetensorsRule, _ message: String, at offset: Int? = nil, code: FileError.Code = .malformed
  ) -> FileError {
    rule.broken(code, path: path, subject: subject, at: offset ?? self.offset, message)
  }
}
