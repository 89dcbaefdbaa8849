internal import Bytes
internal import Tensors
internal import TorchPickle

extension Container {
  /// Checkpoints of PyTorch, which are only read: one file, or a folder with `pytorch_model.bin` or its shards.
  public static let torchPickle: Container = Container(
    name: "torch-pickle", fileEnding: ".bin", otherEndings: [".pt", ".pth"],
    // A zip archive, a pickle of each version, a tar archive, which is refused by name.
    magics: [
      [0x50, 0x4B, 0x03, 0x04], [0x80, 2], [0x80, 3], [0x80, 4], [0x80, 5], Magic("ustar".utf8, at: 257),
    ],
    widensVectors: false, byte: .u8,
    canHold: { encoding in TorchElementType.all.contains { $0.encoding == encoding } },
    open: { path, bytes throws(FileError) in
      let file = try TorchPickleFile(bytes)
      return OpenedContainer(
        container: .torchPickle, source: file, files: [path], folder: FileSystem.parent(path),
        isPartOfFolder: isShard(path), remarks: file.remarks.map { Note("\(path): \($0)") })
    },
    openFolder: { path, names throws(FileError) in
      let isFolder = try FileSystem.isFolder(path)
      let opened =
        isFolder ? try TorchPickleFolder(folder: path, names: names) : try TorchPickleFolder(path: path)
      guard let opened else { return nil }
      return OpenedContainer(
        container: .torchPickle, source: opened, files: opened.files.map(\.name), indexPath: opened.indexPath,
        folder: opened.folder, isPartOfFolder: opened.files.count == 1 && isShard(opened.files[0].name),
        remarks: opened.warnings.map { Note($0) })
    },
    indexEnding: ".bin.index.json", unreadFiles: { TorchPickleFolder.usualNames(among: $0) },
    tensorPlaces: { _, bytes throws(FileError) in try TorchPickleFile(bytes).placedStorages }, writing: nil)
}
