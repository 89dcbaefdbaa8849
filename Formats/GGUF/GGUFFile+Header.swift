public import Bytes
internal import Tensors

extension GGUFFile {
  /// The key whose value is of no use but to take room: with it a header that became shorter ends where it did, so that
  /// the tensors stay where they are.
  public static let paddingKey = "decant.pad"

  /// This file's header with other metadata, up to where the tensors begin. The list of tensors stays as it is.
  ///
  /// Where the metadata is shorter than what the file has by more than the padding, `paddingKey` fills the gap, if it can.
  /// - Throws: `FileError` when the file is big-endian, or the metadata cannot be written.
  public func header(with metadata: GGUFMetadata) throws(FileError) -> [UInt8] {
    guard isLittleEndian else {
      throw GGUFRule.bigEndianData.broken(
        .unsupported, path: path,
        "a big-endian file is not changed; decant convert makes one of the usual byte order of it")
    }
    var metadata = metadata
    metadata[Self.paddingKey] = nil
    let list = try source.bytes(at: tensorList.lowerBound, count: tensorList.count)
    var header = try header(metadata, list)
    let gap = dataOffset - header.count
    if !tensors.isEmpty, gap >= alignment, gap >= Self.leastPadding {
      metadata[Self.paddingKey] = .string(String(repeating: " ", count: gap - Self.leastPadding))
      header = try self.header(metadata, list)
    }
    guard header.count <= HeaderReader.byteLimit, metadata.entries.count <= HeaderReader.countLimit else {
      throw GGUFRule.headerLimit.broken(
        .unsupported, path: path,
        "the header would have \(header.count) bytes; at most \(HeaderReader.byteLimit) are read")
    }
    let padded = header.count.roundedUp(toMultipleOf: alignment) ?? header.count
    if !tensors.isEmpty { header += Array(repeating: 0, count: padded - header.count) }
    return header
  }

  /// Bytes of an entry with that key and an empty string.
  private static let leastPadding = 8 + paddingKey.utf8.count + 4 + 8

  private func header(_ metadata: GGUFMetadata, _ list: [UInt8]) throws(FileError) -> [UInt8] {
    var writer = ByteWriter()
    writer.write(contentsOf: "GGUF".utf8)
    writer.write(version)
    writer.write(UInt64(tensors.count))
    writer.write(UInt64(metadata.entries.count))
    writer.write(contentsOf: try GGUFWriter.encoded(metadata, name: path))
    writer.write(contentsOf: list)
    return writer.bytes
  }
}
