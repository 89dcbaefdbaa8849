internal import Bytes
internal import Tensors

/// Recognises what a path holds.
enum Recognition {
  static func open(_ path: String) throws(FileError) -> OpenedContainer {
    if try FileSystem.isFolder(path) { return try openFolder(try HubCache.resolved(path)) }
    guard try FileSystem.exists(path) else {
      throw FileError(.missing, path: path, "no such file or folder")
    }
    for container in Container.all where container.indexEnding.map(path.hasFileEnding) == true {
      if let opened = try container.openFolder(path, [FileSystem.lastComponent(path)]) { return opened }
    }
    let bytes = try Packing.openWeights(path)
    guard bytes.byteCount > 0 else { throw FileError(.truncated, path: path, "the file is empty") }
    let start = try bytes.bytes(at: 0, count: min(16, bytes.byteCount))
    if let foreign = foreignFiles.first(where: { start.starts(with: $0.magic) }) {
      throw FileError(.unsupported, path: path, foreign.message)
    }
    guard let container = Container.of(start: start) else {
      throw FileError(.unsupported, path: path, "is in no container that is known")
    }
    return try container.open(path, bytes)
  }

  private static func openFolder(_ path: String) throws(FileError) -> OpenedContainer {
    let names = try FileSystem.names(inFolder: path)
    for container in Container.all {
      if let opened = try container.openFolder(path, names) { return opened }
    }
    if let pickle = names.first(where: { name in [".bin", ".pt", ".pth"].contains { name.hasFileEnding($0) } }) {
      throw FileError(.unsupported, path: FileSystem.join(path, pickle), pickleMessage)
    }
    let endings = Container.all.map { "no *\($0.fileEnding)" }.joined(separator: ", ")
    throw FileError(.missing, path: path, "holds no model: \(endings)")
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
