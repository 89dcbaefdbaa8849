internal import Bytes
internal import Packed
internal import Tensors

/// The files of an output that are there, held against those that a plan writes.
struct FoundFiles {
  /// Paths of the files of weights in the order of the plan; nil for one that is not there.
  let weights: [String?]
  /// The same of the small files beside them.
  let sidecars: [String?]
  /// What is there and would not be written, by its name in the folder. A folder of such files is one name.
  private(set) var strangers: [String] = []

  /// A folder: its files have the names of the plan, packed ones with `.zst` behind.
  /// - Throws: `FileError` when the folder cannot be listed.
  init(inFolder folder: String, _ opened: OpenedContainer, _ plan: Plan) throws(FileError) {
    let there = Dictionary(
      opened.files.map { path in
        let name = FileSystem.lastComponent(path)
        return (name.droppingFileEnding(PackedFile.suffix) ?? name, path)
      }, uniquingKeysWith: { first, _ in first })
    weights = plan.files.map { there[$0.name] }
    var sidecars: [String?] = []
    for sidecar in plan.sidecars {
      let path = FileSystem.join(folder, sidecar.name)
      sidecars.append(try FileSystem.hasFile(path) ? path : nil)
    }
    self.sidecars = sidecars
    let names = weights.compactMap { $0.map(FileSystem.lastComponent) } + plan.sidecars.map(\.name)
    strangers = try Self.strangers(inFolder: folder, knowing: Set(names))
  }

  /// A file, or a set of them, which may have got another name. Of a folder that was named for the file in it, everything
  /// else is a stranger.
  init(_ opened: OpenedContainer, _ plan: Plan, inFolder folder: String?) throws(FileError) {
    weights = plan.files.indices.map { opened.files.indices.contains($0) ? opened.files[$0] : nil }
    sidecars = plan.sidecars.map { _ in nil }
    if let folder {
      strangers = try Self.strangers(inFolder: folder, knowing: Set(opened.files.map(FileSystem.lastComponent)))
    }
  }

  private static func strangers(
    inFolder folder: String, under prefix: String = "", knowing known: Set<String>
  ) throws(FileError) -> [String] {
    var strangers: [String] = []
    for name in try FileSystem.names(inFolder: FileSystem.join(folder, prefix)) {
      let path = prefix + name
      if known.contains(path) { continue }
      if known.contains(where: { $0.hasPrefix(path + "/") }) {
        strangers += try Self.strangers(inFolder: folder, under: path + "/", knowing: known)
      } else {
        // A link that leads nowhere is a stranger too.
        let isFolder = (try? FileSystem.isFolder(FileSystem.join(folder, path))) ?? false
        strangers.append(isFolder ? path + "/" : path)
      }
    }
    return strangers
  }
}
