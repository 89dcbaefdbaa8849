public import Bytes
public import Tensors

/// One opened file: its metadata and tensors, with their places. Of a split set it is one shard; `GGUFSource`
/// opens the whole.
///
/// Opening reads and checks the whole header, and no tensor data.
public struct GGUFFile: Sendable {
  /// The bytes it is read from.
  public let source: any ByteSource
  /// 2 or 3.
  public let version: UInt32
  /// Tensor bytes are always lent in little-endian order, whatever this says.
  public let isLittleEndian: Bool
  public let metadata: GGUFMetadata
  /// In the order of the file's list, with their offsets from the start of the file.
  public let tensors: [PlacedTensor]
  /// Offset of the data section, which is aligned.
  public let dataOffset: Int
  /// Where the list of tensors begins and ends, which is the end of the header.
  let tensorList: Range<Int>
  /// Tensor data begins at multiples of this many bytes, counted from `dataOffset`.
  public let alignment: Int
  /// Bytes after the header that are neither a tensor's nor padding: gaps, and what follows the last tensor.
  public let unclaimedByteCount: Int
  /// What ggml's own reader would refuse in this file, or the format's description forbids, though it is read here.
  public let remarks: [Remark]

  public var path: String { source.path }

  /// Bytes of the file; of a packed one, of the original.
  public var byteCount: Int { source.byteCount }

  /// Fills `bytes` with those of `tensor`, one of `tensors`, that begin `offset` bytes into it.
  public func read(_ tensor: PlacedTensor, at offset: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    let descriptor = tensor.descriptor
    let count = bytes.byteCount
    guard offset >= 0, count <= descriptor.byteCount, offset <= descriptor.byteCount - count else {
      throw FileError(
        .mismatch, path: path, subject: descriptor.name,
        "\(count) bytes from byte \(offset) of the tensor are wanted, but it has \(descriptor.byteCount)")
    }
    // The offset of a tensor without bytes may lie past the end of the file.
    guard count > 0 else { return }
    guard !isLittleEndian, let type = GGMLType(descriptor.encoding), type.fields != [] else {
      return try source.read(at: tensor.offset + offset, into: &bytes, subject: descriptor.name)
    }
    // Only whole blocks can be turned around.
    let size = descriptor.encoding.bytesPerBlock
    let first = offset / size * size
    let last = (offset + count).dividedRoundingUp(by: size) * size
    var blocks = try source.bytes(at: tensor.offset + first, count: last - first, subject: descriptor.name)
    type.reverseNumbers(in: &blocks)
    for index in 0..<count {
      bytes.storeBytes(of: blocks[offset - first + index], toByteOffset: index, as: UInt8.self)
    }
  }
}
