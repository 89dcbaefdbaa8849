public import Bytes
internal import Foundation
public import Tensors

/// A folder for files that benchmarks make, which goes away with its owner.
public final class TemporaryFolder: Sendable {
  public let path: String

  public init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("decant-benchmark-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { remove() }

  public func remove() { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a planned file: its header, and `data`, if any, right after it. The rest stays a hole.
  /// - Returns: the path.
  public func write(_ file: PlannedFile, data: [UInt8] = []) throws(FileError) -> String {
    let output = try StagedOutput(
      .files, in: path, files: [.init(name: file.name, byteCount: file.byteCount)], replacing: true)
    try file.header.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: 0) }
    try data.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: file.header.count) }
    try output.commit()
    return path + "/" + file.name
  }
}
