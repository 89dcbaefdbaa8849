internal import Bytes
internal import GGUF
internal import Packed
internal import Safetensors
internal import Tensors

/// A container that models are read from and written to.
public struct Container: Hashable, Sendable, CustomStringConvertible {
  /// As on the command line.
  public let name: String
  /// Endings of its files.
  let fileEndings: [String]

  public static let safetensors = Container(name: "safetensors", fileEndings: [".safetensors"])
  public static let gguf = Container(name: "gguf", fileEndings: [".gguf"])

  public static let all = [safetensors, gguf]

  public var description: String { name }

  /// The container that the name of an output asks for: the file's ending, else a folder of safetensors.
  public static func forOutput(_ path: String) -> Container {
    all.first { container in container.fileEndings.contains { path.hasSuffix($0) } } ?? .safetensors
  }

  /// Whether an output of that name is one file rather than a folder.
  public func isFile(_ path: String) -> Bool {
    fileEndings.contains { path.hasSuffix($0) }
  }
}

/// A container that was opened, before anything is made of its tensors.
struct OpenedContainer {
  let container: Container
  let source: any TensorSource
  let files: [String]
  /// Folder where a configuration may lie beside the weights.
  let folder: String?
  var gguf: GGUFSource?
  var fileMetadata: [String: String] = [:]
  var remarks: [String] = []

  var metadata: GGUFMetadata? { gguf?.metadata }
}

/// Recognises what a path holds.
enum Containers {
  static func openContainer(_ path: String) throws(FileError) -> OpenedContainer {
    if FileSystem.isFolder(path) { return try openFolder(path) }
    guard FileSystem.exists(path) else {
      throw FileError(.missing, path: path, "no such file or folder")
    }
    if path.hasSuffix(".index.json") { return try openShards(path) }
    let bytes = try Packing.open(path)
    guard bytes.byteCount > 0 else { throw FileError(.truncated, path: path, "the file is empty") }
    let start = try bytes.bytes(at: 0, count: min(16, bytes.byteCount))
    if let foreign = foreignFiles.first(where: { start.starts(with: $0.magic) }) {
      throw FileError(.unsupported, path: path, foreign.message)
    }
    if start.starts(with: Array("GGUF".utf8)) {
      let source = try GGUFSource(path: path)
      return OpenedContainer(
        container: .gguf, source: source, files: source.files.map(\.path), folder: nil, gguf: source,
        remarks: source.files.flatMap(\.remarks))
    }
    let file = try SafetensorsFile(bytes)
    return OpenedContainer(
      container: .safetensors, source: file, files: [path], folder: FileSystem.parent(path),
      fileMetadata: file.metadata)
  }

  private static func openShards(_ path: String) throws(FileError) -> OpenedContainer {
    let shards = try SafetensorsFolder(path: path)
    return OpenedContainer(
      container: .safetensors, source: shards, files: shards.files.map(\.name), folder: shards.folder,
      fileMetadata: shards.metadata, remarks: shards.warnings)
  }

  private static func openFolder(_ path: String) throws(FileError) -> OpenedContainer {
    let names = try FileSystem.names(inFolder: path)
    let endings = [".safetensors", ".safetensors.index.json", ".safetensors.zst"]
    if names.contains(where: { name in endings.contains { name.hasSuffix($0) } }) { return try openShards(path) }
    let ggufs = names.filter { $0.hasSuffix(".gguf") || $0.hasSuffix(".gguf.zst") }
    if let first = ggufs.first {
      guard ggufs.count == 1 || first.contains("-00001-of-") else {
        throw FileError(.unsupported, path: path, "holds \(ggufs.count) GGUF files; name the one to read")
      }
      return try openContainer(FileSystem.join(path, first))
    }
    if let pickle = names.first(where: { name in [".bin", ".pt", ".pth"].contains { name.hasSuffix($0) } }) {
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
    (Array("<!DO".utf8), "is a web page, not a model; the download went wrong"),
    (Array("<htm".utf8), "is a web page, not a model; the download went wrong"),
    (Array("version https://".utf8), "is a Git LFS pointer, not the model; run `git lfs pull`"),
  ]
}
