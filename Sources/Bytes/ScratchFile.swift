internal import Synchronization

/// A file for what does not fit in memory, which has no name: it is gone when the process is, however that ends.
public final class ScratchFile: Sendable {
  /// What messages call it.
  private let path: String
  private let descriptor: Int32

  /// - Parameters:
  ///   - folder: where the room is taken.
  ///   - byteCount: how much there will be; set aside where the file system can.
  /// - Throws: `FileError` when the file cannot be made, or there is less room.
  public init(in folder: String, byteCount: Int) throws(FileError) {
    path = FileSystem.join(folder, ".decant-scratch-\(SystemCall.processIdentifier())-\(Self.next())")
    let free = SystemCall.freeBytes(at: folder)
    if let free, free < byteCount {
      throw FileError(
        .system, path: folder,
        "the disk has \(free) bytes left, but the model's activations take \(byteCount) while the job runs; free some "
          + "space, or take fewer tokens")
    }
    descriptor = try SystemCall.makeFile(path, .all)
    do throws(FileError) {
      // Nobody else finds it from here on.
      try SystemCall.removeFile(path)
      try SystemCall.reserve(descriptor, byteCount: byteCount, path: path)
    } catch {
      SystemCall.close(descriptor)
      throw error
    }
  }

  deinit { SystemCall.close(descriptor) }

  public func write(_ bytes: RawSpan, at offset: Int) throws(FileError) {
    try SystemCall.write(descriptor, bytes, at: offset, path: path)
  }

  /// Fills `bytes`.
  public func read(into bytes: inout MutableRawSpan, at offset: Int) throws(FileError) {
    let count = try SystemCall.read(descriptor, into: &bytes, at: offset, path: path)
    guard count == bytes.byteCount else {
      throw FileError(.truncated, path: path, offset: offset, "the scratch file is shorter than what was written to it")
    }
  }

  private static let number = Atomic<Int>(0)
  private static func next() -> Int { number.wrappingAdd(1, ordering: .relaxed).oldValue }
}
