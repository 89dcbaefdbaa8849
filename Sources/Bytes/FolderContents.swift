/// What is in a folder and the folders in it, to see later whether somebody has put something there.
public struct FolderContents: Sendable {
  /// What an entry is: a file with its length and time of the last change, or anything else.
  private struct Entry: Hashable {
    let device: UInt64
    let inode: UInt64
    let byteCount: Int
    let modified: Int64
  }

  private var entries: [String: Entry] = [:]
  /// What everybody but the owner may do with all of the files at most.
  private(set) var permissions = Permissions.all

  /// - Throws: `FileError` when something in it cannot be examined.
  public init(of folder: String) throws(FileError) {
    try add(folder, under: "", depth: 0)
  }

  private mutating func add(_ folder: String, under prefix: String, depth: Int) throws(FileError) {
    for name in try SystemCall.names(inFolder: folder) {
      let path = FileSystem.join(folder, name)
      // Gone since it was listed.
      guard let status = try SystemCall.status(ofPath: path, followingLinks: false) else { continue }
      let isFolder = status.kind == .folder
      entries[prefix + name] = Entry(
        device: status.device, inode: status.inode, byteCount: isFolder ? 0 : status.byteCount,
        modified: isFolder ? 0 : status.modified)
      if status.kind == .file { permissions = permissions.stricter(status.permissions) }
      if isFolder, depth == 0 { try add(path, under: prefix + name + "/", depth: 1) }
    }
  }

  var isEmpty: Bool { entries.isEmpty }

  /// Something that is there now and was not, or was another; nil for nothing.
  func firstNew(in now: FolderContents) -> String? {
    now.entries.filter { entries[$0.key] != $0.value }.keys.min()
  }
}
