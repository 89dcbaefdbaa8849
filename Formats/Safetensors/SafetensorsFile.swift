public import Bytes
public import Packed
public import Tensors

/// One safetensors file, opened for reading. Its header is read and checked when it is opened, its tensors when
/// they are asked for.
public struct SafetensorsFile: TensorSource {
  /// The bytes it is read from.
  public let source: any ByteSource
  /// The header's `__metadata__`, empty where there is none.
  public let metadata: [String: String]
  /// Where the data begins: the length field and the header are before it.
  public let dataOffset: Int

  /// In the order of their bytes.
  public let tensors: [TensorDescriptor]
  /// Where each of `tensors` begins in the file.
  private let offsets: [Int]
  private let positions: [String: Int]

  /// Opens a file, packed or not.
  /// - Throws: `FileError` when the file cannot be read or breaks a rule of the format.
  public init(path: String) throws(FileError) {
    try self.init(PackedFile.openWeights(path: path))
  }

  /// - Throws: `FileError` when the bytes cannot be read or break a rule of the format.
  public init(_ source: any ByteSource) throws(FileError) {
    let header = try SafetensorsHeader(reading: source)
    self.source = source
    metadata = header.metadata
    dataOffset = header.dataOffset
    let tensors = header.tensors.map(\.descriptor)
    self.tensors = tensors
    offsets = header.tensors.map(\.offset)
    positions = Dictionary(uniqueKeysWithValues: tensors.indices.lazy.map { (tensors[$0].name, $0) })
  }

  /// This file's header with other metadata, up to where the tensors begin; their list stays as it is. As long as it is now,
  /// where that is long enough.
  /// - Throws: `FileError` when it would be longer than readers take.
  public func header(with metadata: [String: String]) throws(FileError) -> [UInt8] {
    try SafetensorsWriter.header(of: tensors, metadata: metadata, filling: dataOffset, path: name)
  }

  public var name: String { source.path }

  public var inputFiles: [InputFile] { source.inputFile.map { [$0] } ?? [] }

  /// Every tensor with its offset in the file, in that order.
  public var placedTensors: [PlacedTensor] { zip(tensors, offsets).map { PlacedTensor(descriptor: $0, offset: $1) } }

  /// What `PackedWriter` should know of the file: where its tensors are, and how wide their elements.
  public var packedRegions: [PackedRegion] { placedTensors.map { PackedRegion($0) } }

  public func descriptor(of name: String) -> TensorDescriptor? { positions[name].map { tensors[$0] } }

  public func read(_ name: String, at offset: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    guard let position = positions[name] else { throw FileError.noSuchTensor(name, in: self.name) }
    let (descriptor, start) = (tensors[position], offsets[position])
    guard offset >= 0, bytes.byteCount <= descriptor.byteCount, offset <= descriptor.byteCount - bytes.byteCount else {
      throw FileError(
        .mismatch, path: self.name, subject: name, offset: start,
        "\(bytes.byteCount) bytes at \(offset) are not inside this tensor of \(descriptor.byteCount)")
    }
    try source.read(at: start + offset, into: &bytes, subject: name)
  }
}
