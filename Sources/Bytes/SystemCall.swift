internal import CBytes
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Every call into the operating system, each with its errors told in words. Interrupted calls are repeated,
/// short reads and writes continued.
enum SystemCall {
  struct Status {
    /// What something is; `other` is a device, a pipe or a socket.
    enum Kind { case file, folder, link, other }

    var byteCount: Int
    var kind: Kind
    /// Device and inode: the same for two names of one file.
    var device: UInt64
    var inode: UInt64
    /// How many names it has.
    var linkCount: Int
    /// When its contents were last changed, and when they or anything that is known of it were, in nanoseconds since 1970.
    var modified: Int64
    var changed: Int64
    var permissions: Permissions
    var owner: UInt32
    /// Whether only owners may rename and remove what is in the folder.
    var isSticky: Bool
    /// Bytes that its contents take on disk.
    var allocatedByteCount: Int

    /// Whether both are of one file or folder, by whatever names.
    func isOfSameFile(as other: Status) -> Bool { device == other.device && inode == other.inode }

    /// What tells a file from every other, and from itself after any change.
    var identity: String { "\(device) \(inode) \(changed)" }
  }

  /// The corresponding C function is `open`, read only. It does not wait for the other end of a pipe.
  static func openForReading(_ path: String) throws(FileError) -> Int32 {
    let descriptor = repeatingInterrupted(.open) { unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else {
      let number = errno
      // A link that leads nowhere is told as what it is.
      if number == ENOENT { _ = try status(ofPath: path) }
      throw failure("cannot be opened", path, number: number)
    }
    return descriptor
  }

  /// Makes a file that has no other name, in place of one that a run has left, and locks it against other runs. What is
  /// left is never written into: it may be somebody's by another name. The corresponding C functions are `open` with
  /// `O_EXCL`, and `flock`.
  /// - Throws: `FileError` with the code `exists` while another run has it locked, or when no file has the name.
  static func makeFile(_ path: String, _ permissions: Permissions) throws(FileError) -> Int32 {
    for _ in 0..<mostAttempts {
      if let left = try openLeftFile(path) {
        defer { close(left.descriptor) }
        try removeFile(path)
      }
      if let descriptor = try makeFileIfMissing(path, permissions) { return descriptor }
    }
    throw othersAreWriting(path)
  }

  /// The same where nothing has the name.
  /// - Throws: `FileError` with the code `exists` where something has.
  static func makeNewFile(_ path: String, _ permissions: Permissions) throws(FileError) -> Int32 {
    guard let descriptor = try makeFileIfMissing(path, permissions) else { throw othersAreWriting(path) }
    return descriptor
  }

  /// - Returns: nil where something has the name.
  private static func makeFileIfMissing(_ path: String, _ permissions: Permissions) throws(FileError) -> Int32? {
    let descriptor = repeatingInterrupted(.open) {
      unsafe open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode_t(permissions.ofFile))
    }
    if descriptor < 0, errno == EEXIST { return nil }
    guard descriptor >= 0 else { throw failure("cannot be created", path) }
    do throws(FileError) {
      try lock(descriptor, path: path)
      if try isNamed(path, descriptor) { return descriptor }
    } catch {
      close(descriptor)
      throw error
    }
    close(descriptor)
    return nil
  }

  /// Opens a file that a run has left, as it is, and locks it against other runs; nil where there is none.
  /// - Throws: `FileError` with the code `exists` while another run has it locked, or when no file has the name.
  static func openLeftFile(_ path: String) throws(FileError) -> (descriptor: Int32, status: Status)? {
    for _ in 0..<mostAttempts {
      let descriptor = repeatingInterrupted(.open) {
        unsafe open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
      }
      if descriptor < 0, errno == ENOENT { return nil }
      guard descriptor >= 0 else { throw failure("cannot be opened", path) }
      do throws(FileError) {
        let status = try status(of: descriptor, path: path)
        guard status.kind == .file else {
          throw OutputPlaces.inTheWay(path)
        }
        try lock(descriptor, path: path)
        if try isNamed(path, descriptor) { return (descriptor, status) }
      } catch {
        close(descriptor)
        throw error
      }
      close(descriptor)
    }
    throw othersAreWriting(path)
  }

  /// Opens a folder and locks it against other runs.
  /// - Throws: `FileError` with the code `exists` while another run has it locked.
  static func openLockedFolder(_ path: String) throws(FileError) -> Int32 {
    let descriptor = repeatingInterrupted(.open) {
      unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
    }
    guard descriptor >= 0 else { throw failure("cannot be opened", path) }
    do throws(FileError) {
      try lock(descriptor, path: path)
    } catch {
      close(descriptor)
      throw error
    }
    return descriptor
  }

  /// The same of a folder that is made where it is missing. Other runs may make and remove it meanwhile.
  static func makeLockedFolder(_ path: String, _ permissions: Permissions) throws(FileError) -> Int32 {
    var failure: FileError?
    for _ in 0..<mostAttempts {
      do throws(FileError) {
        if try status(ofPath: path, followingLinks: false) == nil { try makeFolder(path, permissions) }
        let descriptor = try openLockedFolder(path)
        do throws(FileError) {
          if try isNamed(path, descriptor) { return descriptor }
        } catch {
          close(descriptor)
          throw error
        }
        close(descriptor)
      } catch {
        guard error.code != .exists else { throw error }
        failure = error
      }
    }
    throw failure ?? othersAreWriting(path)
  }

  /// Other runs may make and remove what is being opened; this often it is tried again.
  private static let mostAttempts = 16

  private static func othersAreWriting(_ path: String) -> FileError {
    FileError(.exists, path: path, "other runs are writing this; wait for them")
  }

  /// Whether an open file still has its name: another run may have finished, and renamed or removed it, between our
  /// opening and our locking it.
  static func isNamed(_ path: String, _ descriptor: Int32) throws(FileError) -> Bool {
    let opened = try status(of: descriptor, path: path)
    return try status(ofPath: path, followingLinks: false)?.isOfSameFile(as: opened) == true
  }

  private static func lock(_ descriptor: Int32, path: String) throws(FileError) {
    guard repeatingInterrupted(.lock, { flock(descriptor, LOCK_EX | LOCK_NB) }) != 0 else { return }
    if errno == EWOULDBLOCK {
      throw FileError(.exists, path: path, "another run is writing this; wait for it or choose another target")
    }
    // Some network file systems have no locks: two runs must then be kept apart by their user.
    if errno != ENOLCK, errno != ENOTSUP, errno != EINVAL { throw failure("cannot be locked", path) }
  }

  /// Gives a lock up before the file is closed.
  static func unlock(_ descriptor: Int32) { _ = flock(descriptor, LOCK_UN) }

  /// SIGTERM, by which schedulers end what they have started.
  static let terminationSignal = SIGTERM

  /// Closes a file or folder that was locked. A child that is just being started may still have it open, and the lock with it.
  static func closeLocked(_ descriptor: Int32) {
    unlock(descriptor)
    close(descriptor)
  }

  static func close(_ descriptor: Int32) {
    #if canImport(Glibc)
      _ = Glibc.close(descriptor)
    #elseif canImport(Musl)
      _ = Musl.close(descriptor)
    #else
      _ = Darwin.close(descriptor)
    #endif
  }

  /// The corresponding C function is `fstat`.
  static func status(of descriptor: Int32, path: String) throws(FileError) -> Status {
    var result = stat()
    guard attempt(.examine, { unsafe fstat(descriptor, &result) }) == 0 else {
      throw failure("cannot be examined", path)
    }
    return Status(result)
  }

  /// The corresponding C functions are `stat` and `lstat`; nil where nothing has that name.
  /// - Throws: `FileError` when that cannot be told, or the name is a link that leads nowhere.
  static func status(ofPath path: String, followingLinks: Bool = true) throws(FileError) -> Status? {
    var result = stat()
    let outcome = attempt(.examine) { unsafe followingLinks ? stat(path, &result) : lstat(path, &result) }
    guard outcome != 0 else { return Status(result) }
    guard errno == ENOENT else { throw failure("cannot be examined", path) }
    guard followingLinks, try status(ofPath: path, followingLinks: false) != nil else { return nil }
    throw FileError(
      .missing, path: path, "is a link, and what it leads to is not there; bring that back, or remove the link")
  }

  /// Fills `bytes` from `offset`. The corresponding C function is `pread`.
  /// - Returns: the number of bytes read, less than asked for only at the end of the file.
  static func read(
    _ descriptor: Int32, into bytes: inout MutableRawSpan, at offset: Int, path: String
  ) throws(FileError) -> Int {
    var failure: FileError?
    let count = unsafe bytes.withUnsafeMutableBytes { buffer in
      do throws(FileError) {
        return try unsafe read(descriptor, into: buffer, at: offset, path: path)
      } catch {
        failure = error
        return 0
      }
    }
    if let failure { throw failure }
    return count
  }

  private static func read(
    _ descriptor: Int32, into bytes: UnsafeMutableRawBufferPointer, at offset: Int, path: String
  ) throws(FileError) -> Int {
    guard let start = bytes.baseAddress else { return 0 }
    var done = 0
    while done < bytes.count {
      let count = attempt(.read, count: bytes.count - done) { count in
        unsafe pread(descriptor, start + done, count, off_t(offset + done))
      }
      if count == 0 { break }
      if count < 0 {
        if errno == EINTR { continue }
        throw failure("cannot be read", path, offset: offset + done)
      }
      done += count
    }
    return done
  }

  /// Writes all of `bytes` at `offset`. The corresponding C function is `pwrite`.
  static func write(_ descriptor: Int32, _ bytes: RawSpan, at offset: Int, path: String) throws(FileError) {
    var failure: FileError?
    unsafe bytes.withUnsafeBytes { buffer in
      do throws(FileError) {
        try unsafe write(descriptor, buffer, at: offset, path: path)
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }

  private static func write(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int, path: String
  ) throws(FileError) {
    guard let start = bytes.baseAddress else { return }
    var done = 0
    while done < bytes.count {
      let count = attempt(.write, count: bytes.count - done) { count in
        unsafe pwrite(descriptor, start + done, count, off_t(offset + done))
      }
      if count < 0 {
        if errno == EINTR { continue }
        throw failure("cannot be written", path, offset: offset + done)
      }
      guard count > 0 else {
        throw FileError(.system, path: path, offset: offset + done, "cannot be written: the system takes no more bytes")
      }
      done += count
    }
  }

  /// Sets aside the room of a file's first `byteCount` bytes where the file system can: they are written faster, and a
  /// disk that is too full says so now. The corresponding C function is `fallocate`.
  static func reserve(_ descriptor: Int32, byteCount: Int, path: String) throws(FileError) {
    guard repeatingInterrupted(.setLength, { decant_reserve(descriptor, Int64(byteCount)) }) == 0 else {
      throw failure("cannot be given its \(byteCount) bytes of room", path)
    }
  }

  /// The corresponding C function is `ftruncate`.
  static func setLength(_ descriptor: Int32, to byteCount: Int, path: String) throws(FileError) {
    guard repeatingInterrupted(.setLength, { ftruncate(descriptor, off_t(byteCount)) }) == 0 else {
      throw failure("cannot be given its length of \(byteCount) bytes", path)
    }
  }

  /// Begins to bring to disk what was written into a file so far, and does not wait for it. A hint: `synchronize` still
  /// has to follow. The corresponding C function is `sync_file_range`.
  static func startWriting(_ descriptor: Int32) { decant_start_writing(descriptor) }

  /// The corresponding C function is `fsync`.
  static func synchronize(_ descriptor: Int32, path: String) throws(FileError) {
    guard repeatingInterrupted(.synchronize, { fsync(descriptor) }) == 0 else {
      throw failure("cannot be brought safely to disk", path)
    }
  }

  /// Syncs the folder's list of names.
  static func synchronizeFolder(_ path: String) throws(FileError) {
    let descriptor = repeatingInterrupted(.open) { unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw failure("cannot be opened", path) }
    defer { close(descriptor) }
    // Some file systems cannot sync a folder and say EINVAL: nothing is lost by going on.
    if repeatingInterrupted(.synchronize, { fsync(descriptor) }) != 0, errno != EINVAL {
      throw failure("cannot be brought safely to disk", path)
    }
  }

  /// Takes from everybody else what `permissions` does not give them. The corresponding C function is `fchmod`.
  static func restrict(_ descriptor: Int32, to permissions: Permissions, path: String) throws(FileError) {
    let now = try status(of: descriptor, path: path).permissions
    let wanted = now.stricter(permissions)
    guard wanted != now else { return }
    guard attempt(.examine, { fchmod(descriptor, mode_t(wanted.bits)) }) == 0 else {
      throw failure("cannot be kept from others", path)
    }
  }

  /// Gives a file the permissions, the owner and the group of another. The corresponding C functions are `fchown` and
  /// `fchmod`.
  static func copyAccess(from source: Int32, to descriptor: Int32, path: String) throws(FileError) {
    var (wanted, now) = (stat(), stat())
    guard attempt(.examine, { unsafe fstat(source, &wanted) }) == 0,
      attempt(.examine, { unsafe fstat(descriptor, &now) }) == 0
    else { throw failure("cannot be examined", path) }
    if wanted.st_uid != now.st_uid || wanted.st_gid != now.st_gid {
      guard attempt(.examine, { fchown(descriptor, wanted.st_uid, wanted.st_gid) }) == 0 else {
        throw failure("cannot be given the owner and group of what it replaces", path)
      }
    }
    let bits = wanted.st_mode & 0o7777
    // A change of the owner may take bits away.
    guard attempt(.examine, { fchmod(descriptor, bits) }) == 0 else {
      throw failure("cannot be given the permissions of what it replaces", path)
    }
  }

  /// The corresponding C function is `rename`: replaces a file of that name at once.
  static func rename(_ from: String, to target: String) throws(FileError) {
    let result = attempt(.rename) { systemRename(from, target) }
    guard result == 0 else { throw failure("cannot be renamed to \(target)", from) }
  }

  /// The same of a file, where nothing has the new name. The corresponding C function is `renameat2`, or `link` where the
  /// file system has no such call.
  /// - Returns: false where something has the new name.
  static func renameNew(_ from: String, to target: String) throws(FileError) -> Bool {
    if attempt(.rename, { unsafe decant_rename_new(from, target) }) == 0 { return true }
    var number = errno
    if isUnknownCall(number) {
      if attempt(.rename, { unsafe link(from, target) }) == 0 {
        try removeFile(from)
        return true
      }
      number = errno
      // A file system without links too: what remains is to look first.
      if isUnknownCall(number) || number == EPERM || number == EMLINK {
        guard try status(ofPath: target, followingLinks: false) == nil else { return false }
        try rename(from, to: target)
        return true
      }
    }
    guard number == EEXIST else { throw failure("cannot be renamed to \(target)", from, number: number) }
    // A run that was stopped between the two calls has left both names.
    guard let one = try status(ofPath: from, followingLinks: false),
      let other = try status(ofPath: target, followingLinks: false), one.isOfSameFile(as: other)
    else { return false }
    try removeFile(from)
    return true
  }

  /// The same of a folder, where nothing has the new name or an empty folder.
  /// - Returns: false where something else has the new name.
  static func renameFolder(_ from: String, to target: String) throws(FileError) -> Bool {
    let result = attempt(.rename) { systemRename(from, target) }
    guard result != 0 else { return true }
    let number = errno
    guard [EEXIST, ENOTEMPTY, ENOTDIR, ELOOP].contains(number) else {
      throw failure("cannot be renamed to \(target)", from, number: number)
    }
    return false
  }

  private static func systemRename(_ from: String, _ target: String) -> Int32 {
    #if canImport(Glibc)
      unsafe Glibc.rename(from, target)
    #elseif canImport(Musl)
      unsafe Musl.rename(from, target)
    #else
      unsafe Darwin.rename(from, target)
    #endif
  }

  /// Gives two files or folders each other's names at once. The corresponding C function is `renameat2`.
  /// - Returns: false where the file system has no such call.
  static func exchange(_ one: String, _ other: String) throws(FileError) -> Bool {
    if attempt(.rename, { unsafe decant_exchange(one, other) }) == 0 { return true }
    let number = errno
    guard isUnknownCall(number) else { throw failure("cannot be exchanged for \(other)", one, number: number) }
    return false
  }

  /// Whether an error says that the system or the file system knows no such call.
  private static func isUnknownCall(_ number: Int32) -> Bool {
    number == EINVAL || number == ENOSYS || number == ENOTSUP
  }

  /// Asks whether a folder could be given another name, by trying to give it that of a folder with files in it, which
  /// no file system allows.
  /// - Throws: `FileError` when it could not.
  static func requireRenamable(folder path: String, onto full: String) throws(FileError) {
    let result = attempt(.rename) { systemRename(path, full) }
    guard result != 0 else { return try rename(full, to: path) }
    switch errno {
    case EXDEV:
      throw FileError(
        .unsupported, path: path,
        "cannot be replaced: it lies in a lower layer of its file system, as in the image of a container; choose another "
          + "name, or remove it first")
    case EACCES, EPERM, EROFS, EBUSY, EIO, ENOSPC, EDQUOT: throw failure("cannot be replaced", path)
    // It is full, as it should be; and what else a file system may say of that.
    default: return
    }
  }

  /// The corresponding C function is `mkdir`.
  static func makeFolder(_ path: String, _ permissions: Permissions) throws(FileError) {
    guard attempt(.makeFolder, { unsafe mkdir(path, mode_t(permissions.ofFolder)) }) == 0 else {
      throw failure("cannot be created", path)
    }
  }

  /// Removes a file that is open, where it still has its name.
  static func removeFile(_ path: String, openAs descriptor: Int32) throws(FileError) {
    if try isNamed(path, descriptor) { try removeFile(path) }
  }

  /// The corresponding C function is `unlink`. A missing file is not an error.
  static func removeFile(_ path: String) throws(FileError) {
    guard attempt(.remove, { unsafe unlink(path) }) != 0, errno != ENOENT else { return }
    throw failure("cannot be removed", path)
  }

  /// Removes a folder of files and of folders of files: what we stage has no deeper ones. A missing one is not an error.
  static func removeFolder(_ path: String, where isRemoved: (Status) -> Bool = { _ in true }) throws(FileError) {
    guard try status(ofPath: path, followingLinks: false) != nil else { return }
    func removeFiles(in folder: String) throws(FileError) -> [String] {
      var folders: [String] = []
      for name in try names(inFolder: folder) {
        let inner = folder + "/" + name
        guard let status = try status(ofPath: inner, followingLinks: false) else { continue }
        if status.kind == .folder {
          folders.append(inner)
        } else if isRemoved(status) {
          try removeFile(inner)
        }
      }
      return folders
    }
    for folder in try removeFiles(in: path) {
      for deeper in try removeFiles(in: folder) { try removeEmptyFolder(deeper) }
      try removeEmptyFolder(folder)
    }
    try removeEmptyFolder(path)
  }

  /// The corresponding C function is `rmdir`.
  static func removeEmptyFolder(_ path: String) throws(FileError) {
    guard attempt(.remove, { unsafe rmdir(path) }) != 0, errno != ENOENT else { return }
    throw failure("cannot be removed", path)
  }

  /// The corresponding C function is `readdir`; names sorted, without `.` and `..`.
  static func names(inFolder path: String) throws(FileError) -> [String] {
    guard attempt(.list, { Int32(0) }) == 0, let folder = unsafe opendir(path) else {
      throw failure("cannot be listed", path)
    }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while true {
      // Only by it can the end of the list be told from an error.
      errno = 0
      guard attempt(.list, { Int32(0) }) == 0, let entry = unsafe readdir(folder) else { break }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
          unsafe String(cString: $0)
        }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    guard errno == 0 else { throw failure("cannot be listed", path) }
    return names.sorted()
  }

  /// The corresponding C function is `realpath`; nil where there is nothing of that name.
  static func resolved(_ path: String) throws(FileError) -> String? {
    guard attempt(.examine, { Int32(0) }) == 0, let resolved = unsafe realpath(path, nil) else {
      guard errno == ENOENT else { throw failure("cannot be examined", path) }
      return nil
    }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  /// The corresponding C function is `access`.
  /// - Throws: `FileError` when no file may be created in the folder.
  static func requireWritable(folder path: String) throws(FileError) {
    guard attempt(.examine, { unsafe access(path, W_OK | X_OK) }) == 0 else {
      throw failure("nothing can be written there", path)
    }
  }

  /// Bytes an unprivileged writer may still use. The corresponding C function is `statvfs`.
  static func freeBytes(at path: String) -> Int? {
    var result = statvfs()
    guard unsafe statvfs(path, &result) == 0 else { return nil }
    let (bytes, overflow) = Int(clamping: result.f_bavail).multipliedReportingOverflow(
      by: Int(clamping: result.f_frsize))
    return overflow ? Int.max : bytes
  }

  /// What tells one start of the system from another; nil where it does not say. Linux: `/proc/sys/kernel/random/boot_id`.
  static func bootIdentifier() -> String? {
    let path = "/proc/sys/kernel/random/boot_id"
    guard let descriptor = try? openForReading(path) else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = try? bytes.withMutableBytes { span throws(FileError) in
      try read(descriptor, into: &span, at: 0, path: path)
    }
    let text = String(decoding: bytes.prefix(count ?? 0), as: UTF8.self)
    return text.split(whereSeparator: \.isWhitespace).first.map(String.init)
  }

  /// Bytes of memory that programs can still have. Linux: `MemAvailable` of /proc/meminfo, and what a control group leaves;
  /// elsewhere all that the machine has.
  static func availableMemory() -> Int? {
    func text(_ path: String) -> String? {
      (try? readToEnd(path, limit: 1 << 16)).map { String(decoding: $0, as: UTF8.self) }
    }
    func number(_ path: String) -> Int? {
      text(path)?.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
    }
    let line = text("/proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
    let free = line?.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    let pages = sysconf(Int32(_SC_PHYS_PAGES)), pageByteCount = sysconf(Int32(_SC_PAGESIZE))
    let machine = pages > 0 && pageByteCount > 0 ? Int(pages) * Int(pageByteCount) : nil
    var least = free ?? machine
    for (limit, used) in [
      ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
      ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ] {
      guard let limit = number(limit), let used = number(used) else { continue }
      least = min(least ?? .max, max(0, limit - used))
    }
    return least
  }

  /// The user whom the system asks about. The corresponding C function is `geteuid`.
  static func user() -> UInt32 { UInt32(geteuid()) }

  static func processIdentifier() -> Int32 { getpid() }

  /// Number of processors that are on line. The corresponding C function is `sysconf`.
  static func processorCount() -> Int {
    max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  }

  /// Writes all of `bytes` to a stream. The corresponding C function is `write`.
  static func writeToStream(_ descriptor: Int32, _ bytes: RawSpan, name: String) throws(FileError) {
    var failure: FileError?
    unsafe bytes.withUnsafeBytes { buffer in
      guard let start = buffer.baseAddress else { return }
      var done = 0
      while done < buffer.count {
        let count = attempt(.write, count: buffer.count - done) { count in
          #if canImport(Glibc)
            unsafe Glibc.write(descriptor, start + done, count)
          #elseif canImport(Musl)
            unsafe Musl.write(descriptor, start + done, count)
          #else
            unsafe Darwin.write(descriptor, start + done, count)
          #endif
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          failure = SystemCall.failure("cannot be written", name)
          return
        }
        done += count
      }
    }
    if let failure { throw failure }
  }

  /// The corresponding C function is `isatty`.
  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// Characters in a line of a terminal; nil where it is none, or does not say. The corresponding C function is `ioctl`.
  static func terminalColumns(_ descriptor: Int32) -> Int? {
    var size = winsize()
    guard isTerminal(descriptor), unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
      return nil
    }
    return Int(size.ws_col)
  }

  /// Everything that comes from a file, a pipe or a terminal, up to `limit` bytes and one more. `-` and `/dev/stdin` are
  /// what the process was given, which may be a socket and then has no name. The corresponding C function is `read`.
  static func readToEnd(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
    let isInput = path == "-" || path == "/dev/stdin"
    let descriptor = repeatingInterrupted(.open) { unsafe isInput ? dup(0) : open(path, O_RDONLY | O_CLOEXEC) }
    guard descriptor >= 0 else { throw failure("cannot be opened", path) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while bytes.count <= limit {
      let count = unsafe buffer.withUnsafeMutableBytes { buffer in
        repeatingInterrupted(.read) {
          #if canImport(Glibc)
            unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
          #elseif canImport(Musl)
            unsafe Musl.read(descriptor, buffer.baseAddress, buffer.count)
          #else
            unsafe Darwin.read(descriptor, buffer.baseAddress, buffer.count)
          #endif
        }
      }
      guard count >= 0 else { throw failure("cannot be read", path, offset: bytes.count) }
      if count == 0 { break }
      bytes += buffer.prefix(count)
    }
    return bytes
  }

  /// Ends the process. The corresponding C function is `exit`.
  static func end(code: Int32) -> Never { exit(code) }

  /// Opens something in the place of standard streams that are closed, which cannot be written to.
  static func holdStandardStreams() {
    for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 {
      // The lowest that is free: this one.
      _ = unsafe open("/dev/null", O_RDONLY)
    }
  }

  private static func repeatingInterrupted<Result: SignedInteger>(
    _ kind: SystemFaults.Call, _ call: () -> Result
  ) -> Result {
    while true {
      let result = attempt(kind, call)
      if result != -1 || errno != EINTR { return result }
    }
  }

  private static func failure(
    _ what: String, _ path: String, offset: Int? = nil, number: Int32 = errno
  ) -> FileError {
    let remedy =
      switch number {
      case ENOSPC, EDQUOT: "the disk is full; free some space or choose another target"
      case EACCES, EPERM: "permission denied; ask its owner, or choose another place"
      case EROFS: "the file system is read-only; choose another place"
      case EFBIG:
        "the file is longer than the file system or `ulimit -f` allows"
      case ENOTDIR: "a part of the path is a file, and no folder"
      case EISDIR: "it is a folder"
      case ELOOP: "it is a link, or the links in its path lead around"
      case EEXIST: "something else has that name; remove it or choose another place"
      case ENAMETOOLONG: "the name is too long; choose a shorter one"
      case ENOENT: "no such file or folder"
      case EMFILE, ENFILE: "too many files are open; raise `ulimit -n`"
      case EPIPE: "whoever was reading it is gone"
      case ESTALE: "the network share has lost it; mount the share again"
      case EXDEV: "another file system is between the two names; choose another place"
      case EIO: "input/output error; the disk or network share may be failing"
      default: unsafe String(cString: strerror(number))
      }
    return FileError(
      number == ENOENT ? .missing : .system, path: path, offset: offset, "\(what): \(remedy)",
      remedy: number == EFBIG ? .divideFiles : nil)
  }
}

extension SystemCall.Status {
  fileprivate init(_ result: stat) {
    let kind = result.st_mode & S_IFMT
    #if canImport(Darwin)
      let (modified, changed) = (result.st_mtimespec, result.st_ctimespec)
    #else
      let (modified, changed) = (result.st_mtim, result.st_ctim)
    #endif
    func nanoseconds(_ time: timespec) -> Int64 {
      Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ Int64(time.tv_nsec)
    }
    self.init(
      byteCount: Int(result.st_size),
      kind: kind == S_IFREG ? .file : kind == S_IFDIR ? .folder : kind == S_IFLNK ? .link : .other,
      device: UInt64(truncatingIfNeeded: result.st_dev), inode: UInt64(result.st_ino), linkCount: Int(result.st_nlink),
      modified: nanoseconds(modified), changed: nanoseconds(changed),
      permissions: Permissions(bits: UInt32(result.st_mode) & 0o777), owner: UInt32(result.st_uid),
      isSticky: result.st_mode & S_ISVTX != 0, allocatedByteCount: Int(result.st_blocks) * 512)
  }
}
