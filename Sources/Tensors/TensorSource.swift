public import Bytes

/// An opened file, sharded folder or adapter: lists its tensors and lends their bytes.
///
/// Safe to read from several tasks at once: reading is positioned and keeps no state.
public protocol TensorSource: Sendable {
  /// What messages call it: a path.
  var name: String { get }

  /// Every tensor, in the order of the file or of the shards. Names are unique.
  var tensors: [TensorDescriptor] { get }

  /// The files that it reads, as they were opened. None for tensors in memory.
  var inputFiles: [InputFile] { get }

  /// The tensor of that name, nil where there is none. Constant time.
  func descriptor(of name: String) -> TensorDescriptor?

  /// Fills `bytes` with those of tensor `name` that begin `offset` bytes into it.
  /// - Throws: `FileError` when there is no such tensor, the range is not inside it, or the file ends early.
  func read(_ name: String, at offset: Int, into bytes: inout MutableRawSpan) throws(FileError)

  /// Fills `bytes` with lines of tensor `name`, `length` bytes each: the first begins `offset` bytes into it, and every other
  /// one `stride` bytes after the one before.
  /// - Throws: as `read`.
  func readLines(
    _ name: String, at offset: Int, stride: Int, length: Int, into bytes: inout MutableRawSpan
  ) throws(FileError)
}

extension TensorSource {
  public func readLines(
    _ name: String, at offset: Int, stride: Int, length: Int, into bytes: inout MutableRawSpan
  ) throws(FileError) {
    guard stride != length else { return try read(name, at: offset, into: &bytes) }
    for (line, start) in Swift.stride(from: 0, to: bytes.byteCount, by: max(1, length)).enumerated() {
      var part = bytes._mutatingExtracting(start..<start + length)
      try read(name, at: offset + line * stride, into: &part)
    }
  }

  public var inputFiles: [InputFile] { [] }

  /// - Throws: `FileError` when a file is no longer what it was when it was opened: what was read may be of two states.
  public func requireUnchanged() throws(FileError) {
    for file in inputFiles { try file.requireUnchanged() }
  }

  /// Bytes of the files that it reads, packed where they are packed.
  public var fileByteCount: Int { inputFiles.reduce(0) { $0 + $1.byteCount } }

  /// All bytes of a small tensor.
  public func bytes(of name: String) throws(FileError) -> [UInt8] {
    guard let descriptor = descriptor(of: name) else {
      throw FileError.noSuchTensor(name, in: self.name)
    }
    var bytes = [UInt8](repeating: 0, count: descriptor.byteCount)
    try bytes.withMutableBytes { raw throws(FileError) in try read(name, at: 0, into: &raw) }
    return bytes
  }
}
