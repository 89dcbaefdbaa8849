internal import Bytes
internal import Tensors

/// Recognises what a path holds.
enum Recognition {
  static func open(_ path: String) throws(FileError) -> OpenedContainer {
    if try FileSystem.isFolder(path) { return try openFolder(try HubCache.resolved(path)) }
    guard try FileSystem.exists(path) else {
      throw FileError(.missing, path: path, "no such file or folder")
    }
    let listing = Container.all.filter { $0.indexEnding.map(path.hasFileEnding) == true }
    for container in listing.sorted(by: { ($0.indexEnding ?? "").utf8.count > ($1.indexEnding ?? "").utf8.count }) {
      if let opened = try container.openFolder(path, [FileSystem.lastComponent(path)]) { return opened }
    }
    let bytes = try Packing.openWeights(path)
    guard bytes.byteCount > 0 else { throw FileError(.truncated, path: path, "the file is empty") }
    let start = try bytes.bytes(at: 0, count: min(16, bytes.byteCount))
    if let foreign = foreignFiles.first(where: { start.starts(with: $0.magic) }) {
      throw FileError(.unsupported, path: path, foreign.message)
    }
    return try Container.of(bytes).open(path, bytes)
  }

  private static func openFolder(_ path: String) throws(FileError) -> OpenedContainer {
    let names = try FileSystem.names(inFolder: path)
    for container in Container.all {
      guard var opened = try container.openFolder(path, names) else { continue }
      let unread = Container.all.flatMap { $0 == opened.container ? [] : $0.unreadFiles(names) }
      if let first = unread.first {
        opened.remarks.append(
          "\(FileSystem.join(path, first)): is not read, because \(opened.container.name) is there too"
            + (unread.count > 1 ? "; nor are \(unread.count - 1) more files beside it" : ""))
      }
      return opened
    }
    let endings = Container.all.flatMap { [$0.fileEnding] + $0.otherEndings }.map { "no *\($0)" }
    throw FileError(.missing, path: path, "holds no model: \(endings.joined(separator: ", "))")
  }

  /// First bytes of files that people have and that are not read.
  private static let foreignFiles: [(magic: [UInt8], message: String)] = [
    (Array("ggml".utf8), "a GGML file from before GGUF; convert it with an old llama.cpp first"),
    (Array("lmgg".utf8), "a GGML file from before GGUF; convert it with an old llama.cpp first"),
    (Array("tjgg".utf8), "a GGJT file from before GGUF; convert it with an old llama.cpp first"),
  ]
}
