internal import Bytes
internal import Safetensors
internal import Tensors

/// Recognises what a path holds.
enum Recognition {
  static func open(_ path: String) throws(FileError) -> OpenedContainer {
    if try FileSystem.isFolder(path) { return try openFolder(try HubCache.resolved(path)) }
    guard try FileSystem.exists(path) else {
      throw FileError(.missing, path: path, "no such file or folder")
    }
    if path.hasFileEnding(".index.json") { return try openShards(path) }
    let bytes = try Packing.openWeights(path)
    guard bytes.byteCount > 0 else { throw FileError(.truncated, path: path, "the file is empty") }
    let start = try bytes.bytes(at: 0, count: min(16, bytes.byteCount))
    if let foreign = foreignFiles.first(where: { start.starts(with: $0.magic) }) {
      throw FileError(.unsupported, path: path, foreign.message)
    }
    let container = Container.all.first { start.starts(with: $0.magic) } ?? .safetensors
    return try container.open(path, bytes)
  }

  private static func openShards(_ path: String) throws(FileError) -> OpenedContainer {
    let shards = try SafetensorsFolder(path: path)
    return OpenedContainer(
      container: .safetensors, source: shards, files: shards.files.map(\.name), folder: shards.folder,
      fileMetadata: shards.metadata, remarks: shards.warnings.map { Note($0) })
  }

  private static func openFolder(_ path: String) throws(FileError) -> OpenedContainer {
    let names = try FileSystem.names(inFolder: path)
    let endings = [".safetensors", ".safetensors.index.json", ".safetensors.zst"]
    if names.contains(where: { name in endings.contains { name.hasFileEnding($0) } }) { return try openShards(path) }
    let ggufs = names.filter { $0.hasFileEnding(".gguf") || $0.hasFileEnding(".gguf.zst") }
    if let first = ggufs.first {
      guard ggufs.count == 1 || first.contains("-00001-of-") else {
        throw FileError(.unsupported, path: path, "holds \(ggufs.count) GGUF files; name the one to read")
      }
      return try open(FileSystem.join(path, first))
    }
    if let pickle = names.first(where: { name in [".bin", ".pt", ".pth"].contains { name.hasFileEnding($0) } }) {
      throw FileError(.unsupported, path: FileSystem.join(path, pickle), pickleMessage)
    }
    throw FileError(.missing, path: path, "holds no model: no *.safetensors, no *.gguf")
  }

  private static let pickleMessage =
    "PyTorch pickle files are not read yet; save the model as safetensors (transformers: save_pretrained)"

  /// First bytes of files that people have and that are not read.
  private static let foreignFiles: [(magic: [UInt8], message: String)] = [
    ([0x50, 0x4B, 0x03, 0x04], pickleMessage),
    ([0x80, 0x02], pickleMessage),
    (Array("ggml".utf8), "a GGML file from before GGUF; convert it with an old llama.cpp first"),
    (Array("lmgg".utf8), "a GGML file from before GGUF; convert it with an old llama.cpp first"),
    (Array("tjgg".utf8), "a GGJT file from before GGUF; convert it with an old llama.cpp first"),
  ]
}
