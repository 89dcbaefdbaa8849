public import Bytes
public import Tensors

/// Lays out GGUF files: version 3, little-endian, in the form that every known reader takes.
public enum GGUFWriter {
  /// Where every byte of the output goes, before a weight is read.
  ///
  /// The header ends with the list of tensors. Bytes between it and the data, between tensors, and up to the end of
  /// the file are zero.
  /// - Parameters:
  ///   - metadata: written in its order. `split.*` keys are replaced; `general.alignment` is obeyed.
  ///   - tensors: in the order in which they are to lie in the file.
  ///   - name: of the file, without folder, ending in `.gguf`.
  ///   - maximumSplitBytes: longest file. What does not fit one becomes a split set named after `name`.
  /// - Throws: `FileError` when a key, value or tensor cannot be written so that all readers take it, or no split
  ///   keeps to the limit.
  public static func plan(
    metadata: GGUFMetadata, tensors: [TensorDescriptor], name: String, maximumSplitBytes: Int? = nil
  ) throws(FileError) -> [PlannedFile] {
    var metadata = metadata
    metadata.removeAll { ShardSet.isOfSplit($0.key) }
    let alignment = try checkedAlignment(metadata, name: name)
    if metadata[WellKnownKey.part] == nil { try refuseShardName(name) }
    let records = try checkedRecords(tensors, name: name)

    let whole = Contents(
      metadata: try encoded(metadata, name: name), entryCount: metadata.entries.count, records: records)
    if let single = whole.planned(name: name, alignment: alignment),
      single.byteCount <= maximumSplitBytes ?? Int.max
    {
      return [try withinLimit(single)]
    }
    guard let maximumSplitBytes else {
      throw GGUFRule.writtenTensors.broken(.unsupported, path: name, "the file would be longer than 63 bits can count")
    }
    let groups = try groups(metadata, records, name: name, alignment: alignment, maximumBytes: maximumSplitBytes)
    return try split(metadata, records, groups, name: name, alignment: alignment)
  }

  /// Lays out a split set by what its tensors are, as `llama-gguf-split` does: also where everything fits one file, which
  /// is a set of one then.
  /// - Throws: as `plan(metadata:tensors:name:maximumSplitBytes:)`.
  public static func plan(
    metadata: GGUFMetadata, tensors: [TensorDescriptor], name: String, dividedBy division: GGUFDivision
  ) throws(FileError) -> [PlannedFile] {
    var metadata = metadata
    metadata.removeAll { ShardSet.isOfSplit($0.key) }
    let alignment = try checkedAlignment(metadata, name: name)
    try refuseShardName(name)
    let groups = division.groups(of: tensors, alignment: alignment)
    return try split(
      metadata, try checkedRecords(tensors, name: name), groups, name: name, alignment: alignment, tellsCountLast: true)
  }

  /// Lays out a split set by the tensors of each file: one file where there is one run.
  /// - Parameter runs: of all tensors, in order.
  /// - Throws: as `plan(metadata:tensors:name:maximumSplitBytes:)`.
  public static func plan(
    metadata: GGUFMetadata, tensors: [TensorDescriptor], name: String, runs: [Range<Int>]
  ) throws(FileError) -> [PlannedFile] {
    guard runs.count > 1 else { return try plan(metadata: metadata, tensors: tensors, name: name) }
    var metadata = metadata
    metadata.removeAll { ShardSet.isOfSplit($0.key) }
    let alignment = try checkedAlignment(metadata, name: name)
    try refuseShardName(name)
    return try split(metadata, try checkedRecords(tensors, name: name), runs, name: name, alignment: alignment)
  }

  private static func refuseShardName(_ name: String) throws(FileError) {
    guard ShardName(name).map({ $0.count == 1 }) ?? true else {
      throw GGUFRule.writtenSplit.broken(.unsupported, path: name, "the name is that of a shard; choose another")
    }
  }

  private static func checkedAlignment(_ metadata: GGUFMetadata, name: String) throws(FileError) -> Int {
    switch metadata[WellKnownKey.alignment] {
    case nil: return GGUFMetadata.defaultAlignment
    case .uint32(let value) where GGUFMetadata.isValidAlignment(Int(value)): return Int(value)
    default:
      throw GGUFRule.alignment.broken(
        .unsupported, path: name, subject: WellKnownKey.alignment,
        "the alignment must be a u32, a power of two from 8 to \(GGUFMetadata.largestAlignment)")
    }
  }

  private static func checkedRecords(_ tensors: [TensorDescriptor], name: String) throws(FileError) -> [Record] {
    var names: Set<String> = []
    var records: [Record] = []
    for tensor in tensors {
      guard TensorRecord.isValidName(Array(tensor.name.utf8), longest: TensorRecord.longestName - 1) else {
        throw GGUFRule.writtenTensors.broken(
          .unsupported, path: name, subject: tensor.name,
          "a tensor's name may have 1 to \(TensorRecord.longestName - 1) bytes in GGUF, without NUL")
      }
      guard names.insert(tensor.name).inserted else {
        throw GGUFRule.writtenTensors.broken(
          .unsupported, path: name, subject: tensor.name, "two tensors have this name")
      }
      guard tensor.shape.count <= TensorRecord.mostDimensions else {
        throw GGUFRule.writtenTensors.broken(
          .unsupported, path: name, subject: tensor.name,
          "the tensor has \(tensor.shape.count) dimensions; GGUF has at most \(TensorRecord.mostDimensions)")
      }
      guard let type = GGMLType(tensor.encoding), !type.isIntermediate else {
        throw GGUFRule.writtenTensors.broken(
          .unsupported, path: name, subject: tensor.name, "GGUF files have no tensors of type \(tensor.encoding)")
      }
      records.append(Record(descriptor: tensor, typeID: type.id))
    }
    return records
  }

  static func encoded(_ metadata: GGUFMetadata, name: String) throws(FileError) -> [UInt8] {
    var writer = ByteWriter()
    for entry in metadata.entries {
      guard GGUFMetadata.isValidKey(entry.key.utf8) else {
        throw GGUFRule.writtenMetadata.broken(
          .unsupported, path: name, subject: entry.key,
          "a key is 1 to \(GGUFMetadata.longestKey) bytes of printable ASCII")
      }
      if let known = WellKnownKey.byKey[entry.key], !known.isValid(entry.value) {
        throw GGUFRule.writtenMetadata.broken(
          .unsupported, path: name, subject: entry.key,
          "the value is \(entry.value.summary); \(known.expected) is expected")
      }
      guard entry.value.elementType != .array else {
        throw GGUFRule.writtenMetadata.broken(
          .unsupported, path: name, subject: entry.key, "ggml does not read arrays of arrays; leave the key out")
      }
      writer.writeString(entry.key.utf8)
      entry.value.write(to: &writer)
    }
    return writer.bytes
  }

  private static func withinLimit(_ file: PlannedFile) throws(FileError) -> PlannedFile {
    guard file.tensors.count <= HeaderReader.countLimit else {
      throw GGUFRule.headerLimit.broken(
        .unsupported, path: file.name,
        "the file would have \(file.tensors.count) tensors; at most \(HeaderReader.countLimit) are read")
    }
    guard file.header.count <= HeaderReader.byteLimit else {
      throw GGUFRule.headerLimit.broken(
        .unsupported, path: file.name,
        "the header would have \(file.header.count) bytes; at most \(HeaderReader.byteLimit) are read")
    }
    return file
  }
}

// MARK: - Split sets

extension GGUFWriter {
  /// The tensors of each file: in order, as many a file as keep it to `maximumBytes`.
  private static func groups(
    _ metadata: GGUFMetadata, _ records: [Record], name: String, alignment: Int, maximumBytes: Int
  ) throws(FileError) -> [Range<Int>] {
    let total = try checkedTotal(records, name: name)
    // A shard's length does not depend on what its numbers say, only on which keys it has.
    var groups: [Range<Int>] = []
    var start = 0
    while start < records.count || groups.isEmpty {
      let keys = shardMetadata(metadata, alignment: alignment, number: groups.count, count: 0, total: total)
      var size = Size(headerBytes: 24 + (try encoded(keys, name: name)).count, alignment: alignment)
      guard size.byteCount <= maximumBytes else { throw tooSmall(maximumBytes, for: "metadata", size, name: name) }
      var end = start
      while end < records.count, let larger = size.adding(records[end]), larger.byteCount <= maximumBytes {
        size = larger
        end += 1
      }
      // The first file may do without tensors, when its metadata leaves them no room.
      if end == start, start < records.count, !groups.isEmpty {
        throw tooSmall(
          maximumBytes, for: "tensor \"\(records[start].descriptor.name)\"", size.adding(records[start]), name: name)
      }
      groups.append(start..<end)
      start = end
    }
    return groups
  }

  private static func checkedTotal(_ records: [Record], name: String) throws(FileError) -> Int32 {
    guard let total = Int32(exactly: records.count) else {
      throw GGUFRule.writtenSplit.broken(
        .unsupported, path: name, "\(records.count) tensors are too many for a split set")
    }
    return total
  }

  /// All metadata in the first file, tensors in order.
  /// - Parameter tellsCountLast: whether the number of files stands behind that of the tensors, where
  ///   `llama-gguf-split` has it, and not before, where `llama-quantize` has it.
  private static func split(
    _ metadata: GGUFMetadata, _ records: [Record], _ groups: [Range<Int>], name: String, alignment: Int,
    tellsCountLast: Bool = false
  ) throws(FileError) -> [PlannedFile] {
    let prefix = name.droppingFileEnding(ShardName.suffix) ?? name
    let total = try checkedTotal(records, name: name)
    guard let count = UInt16(exactly: groups.count) else {
      throw GGUFRule.writtenSplit.broken(
        .unsupported, path: name, "\(groups.count) files are too many for a split set; choose a higher limit")
    }

    var files: [PlannedFile] = []
    for (number, group) in groups.enumerated() {
      var keys = shardMetadata(metadata, alignment: alignment, number: number, count: count, total: total)
      if tellsCountLast {
        keys[WellKnownKey.splitCount] = nil
        keys[WellKnownKey.splitCount] = .uint16(count)
      }
      let contents = Contents(
        metadata: try encoded(keys, name: name), entryCount: keys.entries.count, records: Array(records[group]))
      let shard = ShardName(prefix: prefix, number: number + 1, count: groups.count)
      guard let file = contents.planned(name: shard.fileName, alignment: alignment) else {
        throw GGUFRule.writtenSplit.broken(.unsupported, path: name, "a file would be longer than 63 bits can count")
      }
      files.append(try withinLimit(file))
    }
    return files
  }

  private static func shardMetadata(
    _ metadata: GGUFMetadata, alignment: Int, number: Int, count: UInt16, total: Int32
  ) -> GGUFMetadata {
    var keys = number == 0 ? metadata : GGUFMetadata()
    if number > 0, alignment != GGUFMetadata.defaultAlignment {
      keys[WellKnownKey.alignment] = .uint32(UInt32(alignment))
    }
    keys[WellKnownKey.splitNumber] = .uint16(UInt16(truncatingIfNeeded: number))
    keys[WellKnownKey.splitCount] = .uint16(count)
    keys[WellKnownKey.splitTensorCount] = .int32(total)
    return keys
  }

  private static func tooSmall(_ limit: Int, for what: String, _ size: Size?, name: String) -> FileError {
    let needed = size.map { "; at least \($0.byteCount) are needed" } ?? ""
    return GGUFRule.writtenSplit.broken(
      .unsupported, path: name, "files of at most \(limit) bytes are wanted, but \(what) alone takes more\(needed)")
  }

  /// Length of a file as tensors are added to it.
  private struct Size {
    var headerBytes: Int
    var dataBytes = 0
    var hasTensors = false
    let alignment: Int

    init(headerBytes: Int, alignment: Int) {
      self.headerBytes = headerBytes
      self.alignment = alignment
    }

    /// Every sum has been checked to be far from overflow.
    var byteCount: Int {
      hasTensors ? (headerBytes + alignment - 1) / alignment * alignment + dataBytes : headerBytes
    }

    func adding(_ record: Record) -> Size? {
      var larger = self
      larger.hasTensors = true
      larger.headerBytes += record.byteCount
      guard let padded = record.descriptor.byteCount.roundedUp(toMultipleOf: alignment) else { return nil }
      let (sum, overflow) = dataBytes.addingReportingOverflow(padded)
      guard !overflow, sum < Int.max / 2 else { return nil }
      larger.dataBytes = sum
      return larger
    }
  }
}

// MARK: - One file

extension GGUFWriter {
  /// A tensor with the number of the type that stores it.
  private struct Record {
    let descriptor: TensorDescriptor
    let typeID: UInt32

    /// Bytes it takes in the list of tensors.
    var byteCount: Int { 8 + descriptor.name.utf8.count + 4 + 8 * descriptor.shape.count + 4 + 8 }

    func write(to writer: inout ByteWriter, offset: Int) {
      writer.writeString(descriptor.name.utf8)
      writer.write(UInt32(descriptor.shape.count))
      for dimension in descriptor.shape.reversed() { writer.write(UInt64(dimension)) }
      writer.write(typeID)
      writer.write(UInt64(offset))
    }
  }

  private struct Contents {
    let metadata: [UInt8]
    let entryCount: Int
    let records: [Record]

    /// Nil when the file would be longer than 63 bits can count.
    func planned(name: String, alignment: Int) -> PlannedFile? {
      var writer = ByteWriter()
      writer.reserveCapacity(records.reduce(24 + metadata.count) { $0 + $1.byteCount })
      writer.write(contentsOf: "GGUF".utf8)
      writer.write(UInt32(3))
      writer.write(UInt64(records.count))
      writer.write(UInt64(entryCount))
      writer.write(contentsOf: metadata)
      var offsets: [Int] = []
      var end = 0
      for record in records {
        offsets.append(end)
        record.write(to: &writer, offset: end)
        guard let padded = record.descriptor.byteCount.roundedUp(toMultipleOf: alignment) else { return nil }
        let (sum, overflow) = end.addingReportingOverflow(padded)
        guard !overflow, sum < Int.max / 2 else { return nil }
        end = sum
      }
      guard let dataOffset = writer.count.roundedUp(toMultipleOf: alignment) else { return nil }
      let placed = zip(records, offsets).map { PlacedTensor(descriptor: $0.descriptor, offset: dataOffset + $1) }
      return PlannedFile(
        name: name, header: writer.bytes, tensors: placed,
        byteCount: records.isEmpty ? writer.count : dataOffset + end)
    }
  }
}
