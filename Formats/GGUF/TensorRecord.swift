internal import Bytes
internal import Tensors

/// One entry of the list of tensors, as the file has it.
struct TensorRecord {
  let descriptor: TensorDescriptor
  let type: GGMLType
  /// Counted from the start of the data section.
  let offset: UInt64
  /// Where the record begins.
  let place: Int

  /// Length of the name, one byte of name, number of dimensions, type, offset.
  static let minimumSize = 8 + 1 + 4 + 4 + 8
  /// The format's description allows 64 bytes of name; ggml's reader, one less.
  static let longestName = 64
  static let mostDimensions = 4

  init(parsing reader: inout HeaderReader) throws(FileError) {
    place = reader.offset
    let bytes = try reader.string("the length of a tensor's name")
    guard let name = String(validating: bytes, as: UTF8.self), Self.isValidName(bytes) else {
      throw reader.broken(
        .tensorName, subject: String(decoding: bytes.prefix(100), as: UTF8.self), at: place,
        "a tensor's name is 1 to \(Self.longestName) bytes of UTF-8 without NUL; here are \(bytes.count)")
    }
    let rank = try reader.integer(UInt32.self, for: "the number of dimensions", subject: name)
    guard rank <= Self.mostDimensions else {
      throw reader.broken(
        .dimensionCount, subject: name, at: reader.offset - 4,
        "the tensor has \(rank) dimensions; at most \(Self.mostDimensions) are allowed")
    }
    var shape: [Int] = []
    for _ in 0..<rank {
      let stored = try reader.integer(UInt64.self, for: "a dimension", subject: name)
      guard let dimension = Int(exactly: stored) else {
        throw reader.broken(
          .dimensions, subject: name, at: reader.offset - 8, "a dimension is \(stored), more than 63 bits can count")
      }
      shape.append(dimension)
    }
    // The file has the innermost dimension first; everything of ours, the outermost.
    shape.reverse()
    let typeID = try reader.integer(UInt32.self, for: "a tensor's type", subject: name)
    guard let type = GGMLType(id: typeID) else {
      throw reader.broken(
        .tensorType, .unsupported, subject: name, at: reader.offset - 4, GGMLType.reasonUnreadable(typeID))
    }
    do throws(ShapeError) {
      descriptor = try TensorDescriptor(name: name, encoding: type.encoding, shape: shape)
    } catch {
      let rule: GGUFRule = if case .partialBlocks = error { .wholeBlocks } else { .dimensions }
      throw reader.broken(rule, subject: name, at: place, error.description)
    }
    self.type = type
    offset = try reader.integer(UInt64.self, for: "a tensor's offset", subject: name)
  }

  static func isValidName(_ bytes: some Collection<UInt8>, longest: Int = longestName) -> Bool {
    !bytes.isEmpty && bytes.count <= longest && !bytes.contains(0)
  }

  /// Names that Unicode counts as equal are duplicates too: they could not be told apart.
  static func refuseDuplicates(_ records: [TensorRecord], path: String) throws(FileError) {
    var seen: Set<String> = []
    for record in records where !seen.insert(record.descriptor.name).inserted {
      throw GGUFRule.tensorNameUnique.broken(
        path: path, subject: record.descriptor.name, at: record.place, "two tensors have this name")
    }
  }
}
