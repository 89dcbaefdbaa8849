internal import Bytes
internal import Tensors

/// The places of a file's tensors, once it is certain that each lies inside the file and none over another.
struct DataLayout {
  private(set) var tensors: [PlacedTensor] = []
  /// Bytes after the header that are neither a tensor's nor padding.
  private(set) var unclaimedByteCount = 0

  init(
    _ records: [TensorRecord], file: any ByteSource, dataOffset: Int, headerEnd: Int, alignment: Int,
    isLittleEndian: Bool, remarks: inout Remarks
  ) throws(FileError) {
    for record in records {
      tensors.append(try Self.place(record, file: file, dataOffset: dataOffset, alignment: alignment))
      if record.descriptor.name.utf8.count == TensorRecord.longestName {
        remarks.add(
          .tensorName,
          "\"\(record.descriptor.name)\" has \(TensorRecord.longestName) bytes of name; ggml reads one less")
      }
      if record.type.isIntermediate {
        remarks.add(
          .tensorType, "\"\(record.descriptor.name)\" is of type \(record.type.encoding), which is not meant for files")
      }
      if !isLittleEndian, record.type.fields == nil {
        throw GGUFRule.bigEndianData.broken(
          .unsupported, path: file.path, subject: record.descriptor.name, at: record.place,
          "\(record.type.encoding) in a big-endian file is not read: its byte order there is not defined")
      }
    }

    // In the order of the bytes. Empty tensors cover nothing.
    let ordered = zip(tensors, records).filter { $0.0.descriptor.byteCount > 0 }
      .sorted { $0.0.offset < $1.0.offset }
    var end = dataOffset
    var gaps = 0
    for (tensor, record) in ordered {
      guard tensor.offset >= end else {
        throw GGUFRule.overlap.broken(
          path: file.path, subject: tensor.descriptor.name, at: record.place,
          "the tensor begins at byte \(tensor.offset), inside another that ends at byte \(end)")
      }
      gaps += tensor.offset - (end.roundedUp(toMultipleOf: alignment) ?? end)
      end = tensor.offset + tensor.descriptor.byteCount
    }
    if !Self.isContiguous(tensors, from: dataOffset, alignment: alignment) {
      remarks.add(
        .tensorOffset, "tensors do not follow each other without gaps in the order of their list; ggml refuses that")
    }
    unclaimedByteCount =
      gaps
      + Self.tail(
        of: file, after: ordered.isEmpty ? headerEnd : end, isPadded: !ordered.isEmpty, alignment: alignment,
        remarks: &remarks)
  }

  private static func place(
    _ record: TensorRecord, file: any ByteSource, dataOffset: Int, alignment: Int
  ) throws(FileError) -> PlacedTensor {
    let descriptor = record.descriptor
    guard record.offset % UInt64(alignment) == 0 else {
      throw GGUFRule.tensorOffset.broken(
        path: file.path, subject: descriptor.name, at: record.place,
        "the tensor's offset \(record.offset) is not a multiple of the alignment \(alignment)")
    }
    let available = UInt64(max(file.byteCount - dataOffset, 0))
    let size = UInt64(descriptor.byteCount)
    let isInside = size <= available && record.offset <= available - size
    // An empty tensor has no bytes to be inside with, but its offset must be one.
    guard isInside || size == 0 && record.offset <= UInt64(Int.max - dataOffset) else {
      throw GGUFRule.tensorInsideFile.broken(
        .truncated, path: file.path, subject: descriptor.name, at: record.place,
        "the tensor takes \(size) bytes from byte \(record.offset) of the data section, but that has \(available)"
          + " bytes; is the download complete?")
    }
    return PlacedTensor(descriptor: descriptor, offset: dataOffset + Int(record.offset))
  }

  /// Whether ggml's reader, which wants each tensor where the one before it ends, would agree.
  private static func isContiguous(_ tensors: [PlacedTensor], from dataOffset: Int, alignment: Int) -> Bool {
    var expected = dataOffset
    for tensor in tensors {
      guard tensor.offset == expected else { return false }
      expected = (tensor.offset + tensor.descriptor.byteCount).roundedUp(toMultipleOf: alignment) ?? expected
    }
    return true
  }

  /// Bytes after the last one of the header or the last tensor, and its padding.
  private static func tail(
    of file: any ByteSource, after end: Int, isPadded: Bool, alignment: Int, remarks: inout Remarks
  ) -> Int {
    let padded = end.roundedUp(toMultipleOf: alignment) ?? end
    if isPadded, file.byteCount < padded {
      remarks.add(.unclaimedBytes, "the padding after the last tensor is missing; ggml refuses that")
    }
    let rest = max(file.byteCount - padded, 0)
    if rest > 0 { remarks.add(.unclaimedBytes, "\(rest) bytes follow the last tensor") }
    return rest
  }
}
