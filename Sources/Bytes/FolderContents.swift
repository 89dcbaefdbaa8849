/// What is in a folder and the folders in it, to see later whether somebody has put something there.
public struct FolderContents: Sendable {
  /// What an entry is: a file with its length and time of the last change, or anything else.
  struct Entry: Hashable {
    // Not the device, whose number may be another one after the system was started again.
    let inode: UInt64
    let byteCount: Int
    let modified: Int64

    init(_ status: SystemCall.Status) {
      let isFolder = status.kind == .folder
      inode = status.inode
      (byteCount, modified) = isFolder ? (0, 0) : (status.byteCount, status.modified)
    }

    /// As a line says it.
    init?(text: Substring) {
      let words = text.split(separator: " ")
      guard words.count == 3, let inode = UInt64(words[0]), let byteCount = Int(words[1]),
        let modified = Int64(words[2])
      else { return nil }
      (self.inode, self.byteCount, self.modified) = (inode, byteCount, modified)
    }

    var text: String { "\(inode) \(byteCount) \(modified)" }
  }

  private var entriesByName: [String: Entry] = [:]
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
      entriesByName[prefix + name] = Entry(status)
      if status.kind == .file { permissions = permissions.stricter(status.permissions) }
      if status.kind == .folder, depth == 0 { try add(path, under: prefix + name + "/", depth: 1) }
    }
  }

  var isEmpty: Bool { entriesByName.isEmpty }

  var entries: [Entry] { entriesByName.sorted { $0.key < $1.key }.map(\.value) }

  /// Something that is there now and was not, or was another; nil for nothing.
  func firstNew(in now: FolderContents) -> String? {
    now.entriesByName.filter { entriesByName[$0.key] != $0.value }.keys.min()
  }
}
