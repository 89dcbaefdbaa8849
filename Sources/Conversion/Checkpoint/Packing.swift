public import Bytes
internal import Digests
public import Packed

/// Files that are packed, and files that are not.
public enum Packing {
  /// Bytes of the input and of the output.
  public struct Sizes: Sendable {
    public let before: Int
    public let after: Int
  }

  /// The bytes of a file, unpacked as they are read where it is packed.
  static func open(_ path: String) throws(FileError) -> any ByteSource {
    try PackedFile.openAny(path: path)
  }

  /// The same of a file of weights: text is refused.
  static func openWeights(_ path: String) throws(FileError) -> any ByteSource {
    try PackedFile.openWeights(path: path)
  }

  /// Packs a weight file, and goes on where an earlier run of the same was stopped. Where its tensors lie decides how bytes are split into planes.
  /// - Throws: `FileError` when the input is not a weight file, or the output cannot be written.
  public static func pack(
    _ path: String, to output: String, level: Int, workers: Int, replacing: Bool, isResuming: Bool = true,
    onEvent: (PackingEvent) -> Void = { _ in }
  ) async throws(FileError) -> Sizes {
    guard try !FileSystem.isFolder(path) else {
      throw FileError(.unsupported, path: path, "is a folder; pack its weight files one by one")
    }
    try FileOutput(output, replacing: replacing).check(against: [path])
    let bytes = try openWeights(path)
    guard !(bytes is PackedFile) else { throw FileError(.unsupported, path: path, "is packed already") }
    let tensors = try Container.of(bytes).tensorPlaces(path, bytes)
    let written = try await PackedWriter.pack(
      bytes, regions: tensors.map(PackedRegion.init), to: output, level: level, threads: workers, replacing: replacing,
      fingerprint: try fingerprint(of: bytes), isResuming: isResuming, onEvent: onEvent)
    return Sizes(before: bytes.byteCount, after: written)
  }

  /// Writes the file that was packed, and goes on where an earlier run of the same was stopped.
  /// - Throws: `FileError` when the input is not a packed file or is damaged, or the output cannot be written.
  public static func unpack(
    _ path: String, to output: String, workers: Int, replacing: Bool, isResuming: Bool = true,
    onEvent: (PackingEvent) -> Void = { _ in }
  ) async throws(FileError) -> Sizes {
    try FileOutput(output, replacing: replacing).check(against: [path])
    let packed = try PackedFile(path: path)
    try await packed.unpack(
      to: output, threads: workers, replacing: replacing, fingerprint: try fingerprint(of: packed),
      isResuming: isResuming, onEvent: onEvent)
    return Sizes(before: packed.packedByteCount, after: packed.byteCount)
  }

  private static func fingerprint(of file: any ByteSource) throws(FileError) -> String {
    var stream = FastDigest.Stream()
    stream.add("decant \(Version.current)\n")
    try stream.add(files: [file.inputFile].compactMap(\.self))
    return stream.digest.description
  }
}
