package import Bytes
internal import JSON

/// The index of a sharded folder, such as `model.safetensors.index.json`: which file holds which tensor.
package struct ShardIndex<Format: ShardedFormat> {
  /// Shard of every tensor.
  package private(set) var shards: [String: String] = [:]
  /// Tensors that are listed more than once: the last entry counts.
  package private(set) var repeated: [String] = []
  /// `metadata.total_size`, where it is a whole number.
  package private(set) var totalByteCount: Int?

  /// The header limit of one file bounds an index too.
  static var maximumByteCount: Int { 100_000_000 }
  /// The index says nothing deeper; members that are not known may nest a little.
  private static var maximumDepth: Int { 16 }

  init(readingFrom path: String) throws(FileError) {
    try self.init(parsing: try InputFile.document(of: path, limit: Self.maximumByteCount), path: path)
  }

  /// - Parameter path: what errors name.
  package init(parsing bytes: [UInt8], path: String) throws(FileError) {
    var reader = FileJSONReader(bytes, path: path, rule: Format.indexFile, maximumDepth: Self.maximumDepth)
    var keys: Set<String> = []
    try reader.beginObject()
    while let key = try reader.nextKey() {
      reader.subject = key
      guard keys.insert(key).inserted else { throw reader.broken(Format.indexFile, "is there twice") }
      switch key {
      case "weight_map": try parseShards(&reader)
      case "metadata": try parseMetadata(&reader)
      default: try reader.skipValue()
      }
      reader.subject = nil
    }
    guard keys.contains("weight_map") else { throw reader.broken(Format.indexFile, "has no weight_map") }
    try reader.finish()
  }

  /// Whether an index lists that one file alone, as mlx-lm writes it.
  package static func lists(only file: String, _ path: String) throws(FileError) -> Bool {
    do throws(FileError) {
      return Set(try ShardIndex(readingFrom: path).shards.values) == [file]
    } catch {
      guard error.code != .system, error.code != .interrupted else { throw error }
      return false
    }
  }

  private mutating func parseShards(_ reader: inout FileJSONReader) throws(FileError) {
    guard try reader.peek() == .object else {
      throw reader.broken(Format.indexFile, "must be an object of file names")
    }
    try reader.beginObject()
    while let tensor = try reader.nextKey() {
      reader.subject = tensor
      guard try reader.peek() == .string else { throw reader.broken(Format.indexFile, "its file must be a string") }
      let start = reader.offset
      let shard = try reader.readString()
      guard Self.isPlainName(shard) else {
        throw reader.broken(
          Format.shardName, "its file \(FileError.quoted(shard)) is not the plain name of a \(Format.fileEnding) file",
          at: start)
      }
      if shards.updateValue(shard, forKey: tensor) != nil { repeated.append(tensor) }
    }
  }

  private mutating func parseMetadata(_ reader: inout FileJSONReader) throws(FileError) {
    guard try reader.peek() == .object else { return try reader.skipValue() }
    try reader.beginObject()
    while let key = try reader.nextKey() {
      if key == "total_size", try reader.peek() == .number {
        switch try reader.readNumber() {
        case .integer(let value): totalByteCount = value
        case .floating(let value): totalByteCount = Int(exactly: value)
        }
      } else {
        try reader.skipValue()
      }
    }
  }

  /// Whether a name names a file of the same folder, whatever the system's separators.
  static func isPlainName(_ name: String) -> Bool {
    guard name.hasFileEnding(Format.fileEnding), !name.hasPrefix(".") else { return false }
    return !name.unicodeScalars.contains { scalar in
      scalar == "/" || scalar == "\\" || scalar == ":" || scalar.properties.generalCategory == .control
    }
  }
}
