/// Questions about names in the file system.
public enum FileSystem {
  /// Whether a folder has that name, or a link that leads to one.
  /// - Throws: `FileError` when that cannot be told, as all of these do: only where nothing has the name is it absent.
  public static func isFolder(_ path: String) throws(FileError) -> Bool {
    if let store = RemoteStores.store(of: path) { return try store.entry(at: path) == .folder }
    return try SystemCall.status(ofPath: path)?.kind == .folder
  }

  /// Whether a regular file has that name, or a link that leads to one.
  public static func isFile(_ path: String) throws(FileError) -> Bool {
    if RemoteStores.own(path) { return try byteCount(path) != nil }
    return try SystemCall.status(ofPath: path)?.kind == .file
  }

  /// Whether there is something that can only be meant to be read as a file: anything but a folder.
  public static func hasFile(_ path: String) throws(FileError) -> Bool {
    if RemoteStores.own(path) { return try byteCount(path) != nil }
    return try SystemCall.status(ofPath: path).map { $0.kind != .folder } ?? false
  }

  public static func exists(_ path: String) throws(FileError) -> Bool {
    if let store = RemoteStores.store(of: path) { return try store.entry(at: path) != nil }
    return try SystemCall.status(ofPath: path) != nil
  }

  /// Whether anything has that name, be it a link that leads nowhere.
  public static func isTaken(_ path: String) throws(FileError) -> Bool {
    try SystemCall.status(ofPath: path, followingLinks: false) != nil
  }

  /// Makes a folder where nothing has the name; another run may do the same at the same time.
  public static func makeFolder(_ path: String) throws(FileError) {
    guard try !isTaken(path) else { return }
    do throws(FileError) {
      try SystemCall.makeFolder(path, .all)
    } catch  where (try? isFolder(path)) == true {
      return
    }
  }

  /// Length of a file; nil where there is none.
  public static func byteCount(_ path: String) throws(FileError) -> Int? {
    if let store = RemoteStores.store(of: path) {
      guard case .file(let byteCount) = try store.entry(at: path) else { return nil }
      return byteCount
    }
    return try SystemCall.status(ofPath: path)?.byteCount
  }

  /// Names in a folder, sorted.
  public static func names(inFolder path: String) throws(FileError) -> [String] {
    if let store = RemoteStores.store(of: path) { return try store.names(inFolder: path) }
    return try SystemCall.names(inFolder: path)
  }

  /// Whether two paths name the same file or folder, also through links.
  public static func isSame(_ one: String, _ other: String) throws(FileError) -> Bool {
    if RemoteStores.own(one) || RemoteStores.own(other) { return one == other }
    guard let first = try SystemCall.status(ofPath: one), let second = try SystemCall.status(ofPath: other) else {
      return false
    }
    return first.isOfSameFile(as: second)
  }

  /// The path without links; nil where there is nothing of that name.
  public static func resolved(_ path: String) throws(FileError) -> String? {
    RemoteStores.own(path) ? path : try SystemCall.resolved(path)
  }

  /// Whether that name is a symbolic link, wherever it leads.
  public static func isLink(_ path: String) throws(FileError) -> Bool {
    guard !RemoteStores.own(path) else { return false }
    // With a slash behind it a name stands for what the link leads to.
    return try SystemCall.status(ofPath: join(parent(path), lastComponent(path)), followingLinks: false)?.kind == .link
  }

  /// Whether that name is a regular file, or a link, wherever it leads.
  public static func isFileOrLink(_ path: String) throws(FileError) -> Bool {
    guard let status = try SystemCall.status(ofPath: path, followingLinks: false) else { return false }
    return status.kind == .file || status.kind == .link
  }

  /// Whether another disk is mounted at a folder.
  public static func isMountPoint(_ path: String) throws(FileError) -> Bool {
    guard let folder = try SystemCall.status(ofPath: path), let above = try SystemCall.status(ofPath: join(path, ".."))
    else { return false }
    return folder.device != above.device
  }

  /// Bytes that can still be written under `path`; nil where the system does not say.
  public static func freeBytes(at path: String) -> Int? {
    SystemCall.freeBytes(at: path)
  }

  /// Bytes of memory that programs can still have, by what the system and the limits of a container say; nil where neither
  /// does.
  public static func availableMemory() -> Int? { SystemCall.availableMemory() }

  /// A file by which the system tells of itself, as /proc/cpuinfo; nil where there is none.
  public static func text(ofSystemFile path: String) -> String? {
    (try? SystemCall.readToEnd(path, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// Number of processors, the default number of workers.
  public static func processorCount() -> Int { SystemCall.processorCount() }

  /// What tells one start of the system from another; nil where it does not say.
  static let bootIdentifier: String? = SystemCall.bootIdentifier()

  /// `folder/name`.
  public static func join(_ folder: String, _ name: String) -> String {
    folder.isEmpty || folder == "." ? name : folder.utf8.last == UInt8(ascii: "/") ? folder + name : folder + "/" + name
  }

  /// The last component of a path, without trailing slashes.
  public static func lastComponent(_ path: String) -> String {
    // By bytes: a mark behind a slash makes one character of both.
    path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? path
  }

  /// The folder a path lies in; `.` for a bare name.
  public static func parent(_ path: String) -> String {
    var trimmed = path.utf8[...]
    while trimmed.count > 1, trimmed.last == UInt8(ascii: "/") { trimmed.removeLast() }
    guard let slash = trimmed.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == trimmed.startIndex ? "/" : String(Substring(trimmed[..<slash]))
  }
}

extension String {
  /// Whether a name ends so, in whatever case. `ending` is in lower case: `.gguf`.
  public func hasFileEnding(_ ending: String) -> Bool {
    let tail = utf8.suffix(ending.utf8.count)
    return tail.count == ending.utf8.count
      && zip(tail, ending.utf8).allSatisfy { byte, wanted in
        byte == wanted || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) && byte | 0x20 == wanted
      }
  }

  /// This without such an ending; nil where it has none.
  public func droppingFileEnding(_ ending: String) -> String? {
    hasFileEnding(ending) ? String(utf8.dropLast(ending.utf8.count)) : nil
  }
}
