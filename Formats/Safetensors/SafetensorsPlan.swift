public import Tensors

/// The files of a checkpoint as they will be written: headers, offsets and index, without a weight.
public struct SafetensorsPlan: Sendable {
  /// One file, or the shards in order.
  public let files: [PlannedFile]
  /// The index of the shards; nil for one file.
  public let index: Index?

  /// A small file that is written whole.
  public struct Index: Hashable, Sendable {
    public let name: String
    public let bytes: [UInt8]
  }

  /// Bytes of all files and the index.
  public var byteCount: Int { files.reduce(index?.bytes.count ?? 0) { $0 + $1.byteCount } }
}
