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
    var byteCount: Int
    var isFolder: Bool
    var isRegular: Bool
    var isLink: Bool
    /// Device and inode: the same for two names of one file.
    var device: UInt64
    var inode: UInt64
    var modified: Int64
    /// Bytes that its contents take on disk.
    var allocatedByteCount: Int

    /// Whether both are of one file or folder, by whatever names.
    func isOfSameFile(as other: Status) -> Bool { device == other.device && inode == other.inode }
  }

  /// The corresponding C function is `open`, read only. It does not wait for the other end of a pipe.
  static func openForReading(_ path: String) throws(FileError) -> Int32 {
    let descriptor = repeatingInterrupted(.open) { unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    guard descriptor >= 0 else { throw failure("cannot be opened", path) }
    return descriptor
  }

  /// Creates a file, or opens the one that is there as it is, and locks it against other runs. The corresponding C
  /// functions are `open` and `flock`.
  /// - Throws: `FileError` with the code `exists` while another run has it locked.
  static func openForWriting(_ path: String) throws(FileError) -> Int32 {
    while true {
      let descriptor = repeatingInterrupted(.open) {
        unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode_t(0o644))
      }
      guard descriptor >= 0 else { throw failure("cannot be created", path) }
      do throws(FileError) {
        try lock(descriptor, path: path)
        if try isNamed(path, descriptor) { return descriptor }
      } catch {
        close(descriptor)
        throw error
      }
      close(descriptor)
    }
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
  static func makeLockedFolder(_ path: String) throws(FileError) -> Int32 {
    var failure: FileError?
    for _ in 0..<16 {
      do throws(FileError) {
        if status(ofPath: path) == nil { try makeFolder(path) }
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
    throw failure ?? FileError(.exists, path: path, "other runs are writing this; wait for them")
  }

  /// Whether an open file still has its name: another run may have finished, and renamed or removed it, between our
  /// opening and our locking it.
  private static func isNamed(_ path: String, _ descriptor: Int32) throws(FileError) -> Bool {
    let opened = try status(of: descriptor, path: path)
    return status(ofPath: path)?.isOfSameFile(as: opened) == true
  }

  private static func lock(_ descriptor: Int32, path: String) throws(FileError) {
    guard repeatingInterrupted(.lock, { flock(descriptor, LOCK_EX | LOCK_NB) }) != 0 else { return }
    if errno == EWOULDBLOCK {
      throw FileError(.exists, path: path, "another run is writing this; wait for it or choose another target")
    }
    // Some network file systems have no locks: two runs must then be kept apart by their user.
    if errno != ENOLCK, errno != ENOTSUP, errno != EINVAL { throw failure("cannot be locked", path) }
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
  static func status(ofPath path: String, followingLinks: Bool = true) -> Status? {
    var result = stat()
    guard unsafe (followingLinks ? stat(path, &result) : lstat(path, &result)) == 0 else { return nil }
    return Status(result)
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

  /// The corresponding C function is `rename`: replaces a file of that name at once.
  static func rename(_ from: String, to target: String) throws(FileError) {
    let result = attempt(.rename) {
      #if canImport(Glibc)
        unsafe Glibc.rename(from, target)
      #elseif canImport(Musl)
        unsafe Musl.rename(from, target)
      #else
        unsafe Darwin.rename(from, target)
      #endif
    }
    guard result == 0 else { throw failure("cannot be renamed to \(target)", from) }
  }

  /// Gives two files or folders each other's names at once. The corresponding C function is `renameat2`.
  /// - Returns: whether the system can do that here.
  static func exchange(_ one: String, _ other: String) -> Bool {
    attempt(.rename) { unsafe decant_exchange(one, other) } == 0
  }

  /// The corresponding C function is `mkdir`.
  static func makeFolder(_ path: String) throws(FileError) {
    guard attempt(.makeFolder, { unsafe mkdir(path, 0o755) }) == 0 else { throw failure("cannot be created", path) }
  }

  /// The corresponding C function is `unlink`. A missing file is not an error.
  static func removeFile(_ path: String) {
    _ = unsafe unlink(path)
  }

  /// Removes a folder of files and of folders of files: what we stage has no deeper ones. Failures are left to the
  /// caller's next step to notice.
  static func removeFolder(_ path: String) {
    for name in (try? names(inFolder: path)) ?? [] {
      let inner = path + "/" + name
      guard status(ofPath: inner, followingLinks: false)?.isFolder == true else { continue }
      removeFiles(inFolder: inner)
      _ = unsafe rmdir(inner)
    }
    removeFiles(inFolder: path)
    _ = unsafe rmdir(path)
  }

  static func removeFiles(inFolder path: String) {
    for name in (try? names(inFolder: path)) ?? [] { removeFile(path + "/" + name) }
  }

  /// The corresponding C function is `readdir`; names sorted, without `.` and `..`.
  static func names(inFolder path: String) throws(FileError) -> [String] {
    guard attempt(.list, { Int32(0) }) == 0, let folder = unsafe opendir(path) else {
      throw failure("cannot be listed", path)
    }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
          unsafe String(cString: $0)
        }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The corresponding C function is `realpath`; nil where there is nothing of that name.
  static func resolved(_ path: String) -> String? {
    guard let resolved = unsafe realpath(path, nil) else { return nil }
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

  private static func repeatingInterrupted<Result: SignedInteger>(
    _ kind: SystemFaults.Call, _ call: () -> Result
  ) -> Result {
    while true {
      let result = attempt(kind, call)
      if result != -1 || errno != EINTR { return result }
    }
  }

  private static func failure(_ what: String, _ path: String, offset: Int? = nil) -> FileError {
    let number = errno
    let remedy =
      switch number {
      case ENOSPC, EDQUOT: "the disk is full; free some space or choose another target"
      case EACCES, EPERM: "permission denied; ask its owner, or choose another place"
      case EROFS: "the file system is read-only; choose another place"
      case EFBIG:
        "the file is longer than the file system or `ulimit -f` allows"
      case EEXIST, EISDIR, ENOTDIR, ELOOP:
        "something else has that name, or a folder's: a file, a folder or a link; remove it or choose another place"
      case ENAMETOOLONG: "the name is too long; choose a shorter one"
      case ENOENT: "no such file or folder"
      case EMFILE, ENFILE: "too many files are open; raise `ulimit -n`"
      case EPIPE: "whoever was reading it is gone"
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
      let modified = result.st_mtimespec
    #else
      let modified = result.st_mtim
    #endif
    self.init(
      byteCount: Int(result.st_size), isFolder: kind == S_IFDIR, isRegular: kind == S_IFREG, isLink: kind == S_IFLNK,
      device: UInt64(truncatingIfNeeded: result.st_dev), inode: UInt64(result.st_ino),
      modified: Int64(modified.tv_sec) * 1_000_000_000 + Int64(modified.tv_nsec),
      allocatedByteCount: Int(result.st_blocks) * 512)
  }
}
