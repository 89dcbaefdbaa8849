public import Bytes
internal import Packed
internal import Tensors

extension GGUFFile {
  /// Opens a file, packed or not, and checks its header.
  /// - Throws: `FileError` when the file cannot be read or breaks a rule of the format.
  public init(path: String) throws(FileError) {
    try self.init(PackedFile.openWeights(path: path))
  }

  /// Checks the header of a file.
  /// - Throws: `FileError` that names the key or tensor, the byte, and the rule of `SPEC.md` that is broken.
  public init(_ source: any ByteSource) throws(FileError) {
    var reader = HeaderReader(source)
    var remarks = Remarks()

    let version = try Self.parsePreamble(&reader)
    let (tensorCount, entryCount) = try Self.parseCounts(&reader)
    let metadata = try Self.parseMetadata(&reader, count: entryCount, remarks: &remarks)
    let alignment = try metadata.integer(WellKnownKey.alignment) ?? GGUFMetadata.defaultAlignment
    if !reader.isLittleEndian { remarks.add(.byteOrder, "the file is big-endian") }

    let listStart = reader.offset
    var records: [TensorRecord] = []
    for _ in 0..<tensorCount { records.append(try TensorRecord(parsing: &reader)) }
    try TensorRecord.refuseDuplicates(records, path: source.path)

    // The limit of the header is at most 2^28, so this cannot overflow.
    let dataOffset = reader.offset.roundedUp(toMultipleOf: alignment) ?? reader.offset
    let layout = try DataLayout(
      records, file: source, dataOffset: dataOffset, headerEnd: reader.offset, alignment: alignment,
      isLittleEndian: reader.isLittleEndian, remarks: &remarks)

    self.source = source
    self.version = version
    self.isLittleEndian = reader.isLittleEndian
    self.metadata = metadata
    self.tensors = layout.tensors
    self.dataOffset = dataOffset
    self.tensorList = listStart..<reader.offset
    self.alignment = alignment
    self.unclaimedByteCount = layout.unclaimedByteCount
    self.remarks = remarks.remarks
  }

  /// Key length, one byte of key, type, one byte of value.
  private static let minimumEntrySize = 8 + 1 + 4 + 1

  /// Magic and version; sets the byte order.
  private static func parsePreamble(_ reader: inout HeaderReader) throws(FileError) -> UInt32 {
    let magic = Array(try reader.slice(4, for: "the magic number"))
    guard magic == Array("GGUF".utf8) else {
      let shown = String(decoding: magic, as: UTF8.self)
      if Self.olderMagics.contains(magic) {
        throw reader.broken(
          .magic, .unsupported, at: 0,
          "this is one of the formats before GGUF (\(String(shown.reversed()))); convert the original model again")
      }
      if magic == Array("FUGG".utf8) {
        throw reader.broken(
          .magic, .unsupported, at: 0,
          "the magic number is reversed, as in drafts of the format; convert the original model again")
      }
      throw reader.broken(.magic, at: 0, "a GGUF file begins with the bytes \"GGUF\", not with \(magic)")
    }
    var version = try reader.integer(UInt32.self, for: "the version")
    if version != 0, version & 0xFFFF == 0 {
      reader.isLittleEndian = false
      version = version.byteSwapped
    }
    switch version {
    case 2, 3: return version
    case 1:
      throw reader.broken(
        .version, .unsupported, at: 4,
        "version 1 of the format, in use for some weeks of 2023, is not read; convert the original model again")
    case 0: throw reader.broken(.version, at: 4, "there is no version 0 of the format")
    default:
      throw reader.broken(.version, .unsupported, at: 4, "version \(version) of the format is not known; 2 and 3 are")
    }
  }

  /// The numbers of tensors and of metadata entries, which the bytes that remain can hold at their smallest.
  private static func parseCounts(_ reader: inout HeaderReader) throws(FileError) -> (tensors: Int, entries: Int) {
    let place = reader.offset
    let tensors = try reader.integer(UInt64.self, for: "the number of tensors")
    let entries = try reader.integer(UInt64.self, for: "the number of metadata entries")
    var room = UInt64(reader.remaining)
    for (index, (what, count, size)) in [
      ("tensors", tensors, TensorRecord.minimumSize), ("metadata entries", entries, minimumEntrySize),
    ].enumerated() {
      guard count <= room / UInt64(size) else {
        throw reader.broken(
          .counts, at: place + 8 * index,
          "the file is said to have \(count) \(what), but the \(reader.remaining) bytes that follow cannot hold them")
      }
      room -= count * UInt64(size)
      guard count <= HeaderReader.countLimit else {
        throw reader.broken(
          .headerLimit, .unsupported, at: place + 8 * index,
          "the file has \(count) \(what); at most \(HeaderReader.countLimit) are read")
      }
    }
    return (Int(tensors), Int(entries))
  }

  /// `ggml`, `ggmf`, `ggjt`, `ggla` as they lie in files, with the least significant byte first.
  private static let olderMagics = ["lmgg", "fmgg", "tjgg", "algg"].map { Array($0.utf8) }

  private static func parseMetadata(
    _ reader: inout HeaderReader, count: Int, remarks: inout Remarks
  ) throws(FileError) -> GGUFMetadata {
    var metadata = GGUFMetadata(name: reader.path)
    for _ in 0..<count {
      let place = reader.offset
      let bytes = try reader.string("the length of a key")
      guard GGUFMetadata.isValidKey(bytes), let key = String(validating: bytes, as: UTF8.self) else {
        throw reader.broken(
          .key, at: place,
          "a key is 1 to \(GGUFMetadata.longestKey) bytes of printable ASCII; here are \(bytes.count)"
            + (bytes.isEmpty ? "" : ", beginning with \(Array(bytes.prefix(16)))"))
      }
      guard metadata[key] == nil else {
        throw reader.broken(.keyUnique, subject: key, at: place, "the key is there twice")
      }
      let valuePlace = reader.offset
      let value = try MetadataValue(parsing: &reader, key: key)
      if let known = WellKnownKey.byKey[key], !known.isValid(value) {
        throw reader.broken(
          .wellKnownKey, subject: key, at: valuePlace, "the value is \(value.summary); \(known.expected) is expected")
      }
      if key == WellKnownKey.alignment, !GGUFMetadata.isValidAlignment(value.integer ?? 0) {
        throw reader.broken(
          .alignment, subject: key, at: valuePlace,
          "the alignment is \(value.summary); a power of two from 8 to \(GGUFMetadata.largestAlignment) is expected")
      }
      if case .arrays = value { remarks.add(.array, "\"\(key)\" is an array of arrays") }
      metadata[key] = value
    }
    return metadata
  }
}

extension GGUFMetadata {
  static let defaultAlignment = 32
  static let largestAlignment = 1 << 20
  static let longestKey = 65535

  static func isValidAlignment(_ alignment: Int) -> Bool {
    alignment >= 8 && alignment <= largestAlignment && alignment & (alignment - 1) == 0
  }

  static func isValidKey(_ bytes: some Collection<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.count <= longestKey && bytes.allSatisfy { (0x20...0x7E).contains($0) }
  }
}
