internal import Bytes
internal import JSON
internal import Synchronization

/// Files of web servers: `https://host/model.gguf`, or a folder, whose address ends with a slash.
///
/// A folder cannot be listed: what models have is asked for by name, and what an index lists is there.
final class HTTPStore: RemoteStore {
  /// What an address was given with.
  private struct Access: Hashable {
    var query: String?
    var password: String?
  }

  private struct State {
    /// By the address without them. Of a folder they are for everything in it.
    var accesses: [String: Access] = [:]
    /// Files that were asked for; nil where there is none.
    var found: [String: RangedFile?] = [:]
    var listings: [String: [String]] = [:]
  }

  private let transfers: Transfers
  private let cache: BlockCache
  private let state = Mutex(State())

  init(_ transfers: Transfers, _ cache: BlockCache) {
    self.transfers = transfers
    self.cache = cache
  }

  func owns(_ path: String) -> Bool { path.hasPrefix("https://") || path.hasPrefix("http://") }

  func modelName(of path: String) -> String? { nil }

  func path(naming word: String) throws(FileError) -> String? {
    let start = word.prefix(8).lowercased()
    guard start.hasPrefix("https://") || start.hasPrefix("http://") else { return nil }
    guard let address = Address(word) else {
      throw FileError(
        .malformed, path: start.hasPrefix("https") ? "https://..." : "http://...",
        "the address cannot be read, and is not repeated because it may hold a secret")
    }
    guard address.password == nil || address.isEncrypted || address.isLoopback else {
      throw FileError(.unsupported, path: address.path, "a password is not sent unencrypted; use https")
    }
    guard address.query != nil || address.password != nil else { return address.path }
    let access = Access(query: address.query, password: address.password)
    let isOther = state.withLock { state in
      defer { state.accesses[address.path] = access }
      return state.accesses[address.path].map { $0 != access } ?? false
    }
    guard !isOther else {
      throw FileError(
        .unsupported, path: address.path, "is given twice, with what stands behind ? or before @ being different")
    }
    return address.path
  }

  // MARK: - Requests

  private func request(_ path: String, _ range: Range<Int>) -> Request {
    let access = state.withLock { state in
      state.accesses[path]
        ?? state.accesses.filter { $0.key.utf8.last == UInt8(ascii: "/") && path.hasPrefix($0.key) }
        .max { $0.key.utf8.count < $1.key.utf8.count }?.value
    }
    return Request(
      address: Address.escaped(path, keepsEscapes: true) + (access?.query.map { "?\($0)" } ?? ""), path: path,
      range: range, credentials: access?.password.map { .password($0) } ?? .none, mostBytes: range.count)
  }

  private static let head = 0..<BlockLayout.headByteCount

  /// Whether a path is beside a file that was given with a query of its own, which opens nothing else.
  private func isBesideSigned(_ path: String) -> Bool {
    state.withLock { state in
      guard state.accesses[path] == nil,
        !state.accesses.keys.contains(where: { $0.utf8.last == UInt8(ascii: "/") && path.hasPrefix($0) })
      else { return false }
      let folder = FileSystem.parent(path)
      return state.accesses.contains { key, access in
        access.query != nil && key.utf8.last != UInt8(ascii: "/") && FileSystem.parent(key) == folder
      }
    }
  }

  /// Opens files side by side; nil for one that is not there.
  private func opened(_ paths: [String]) throws(FileError) -> [RangedFile?] {
    let unknown = state.withLock { state in paths.filter { state.found[$0] == nil } }.filter { !isBesideSigned($0) }
    let outcomes = try transfers.outcomes(of: unknown.map { request($0, Self.head) })
    for (path, outcome) in zip(unknown, outcomes) {
      let file = try file(path, try outcome.get())
      state.withLock { $0.found[path] = .some(file) }
    }
    return state.withLock { state in paths.map { state.found[$0] ?? nil } }
  }

  /// What an answer to the request for the first bytes says of a file.
  private func file(_ path: String, _ response: Response) throws(FileError) -> RangedFile? {
    switch response.status {
    case 404, 410: return nil
    case 206:
      let part = try response.part(path: path, offset: 0)
      try response.requirePart(0..<min(part.total, Self.head.upperBound), part, path: path)
      return describe(path, byteCount: part.total, response)
    case 200 where !response.isCut:
      // All of it lies in what was asked for.
      return describe(path, byteCount: response.body.count, response)
    case 200: throw response.wholeInsteadOfPart(path: path, offset: 0)
    case 416:
      guard let text = response.fields["content-range"], ContentRange(text)?.total == 0 else {
        throw Refusal.error(response, path: path)
      }
      return describe(path, byteCount: 0, response)
    case 401:
      throw Refusal.error(response, path: path, hint: "https://user:password@host/ tells it")
    default: throw Refusal.error(response, path: path)
    }
  }

  private func describe(_ path: String, byteCount: Int, _ response: Response) -> RangedFile {
    let description = RangedFile.Description(
      path: path, byteCount: byteCount, tag: response.fields["etag"], modified: response.fields["last-modified"])
    return RangedFile(
      description, head: byteCount == 0 ? [] : response.body, location: response.location, transfers, cache
    ) { [self] in request(path, $0) }
  }

  // MARK: - Questions

  func entry(at path: String) throws(FileError) -> RemoteEntry? {
    if path.utf8.last == UInt8(ascii: "/") { return .folder }
    return try opened([path])[0].map { .file(byteCount: $0.byteCount) }
  }

  func open(_ path: String) throws(FileError) -> any RemoteFile {
    guard path.utf8.last != UInt8(ascii: "/") else {
      throw FileError(.unsupported, path: path, "is a folder, where a file is expected")
    }
    guard let file = try opened([path])[0] else {
      throw FileError(
        .missing, path: path, "the server has no such file (HTTP 404); the address of a folder ends with a slash")
    }
    return file
  }

  func names(inFolder path: String) throws(FileError) -> [String] {
    let folder = FileSystem.join(path, "")
    if let known = state.withLock({ $0.listings[folder] }) { return known }
    let paths = FolderNames.all.map { folder + $0 }
    let files = try opened(paths)
    var names = Set(zip(FolderNames.all, files).filter { $0.1 != nil }.map(\.0))
    for (index, file) in zip(FolderNames.all, files) where FolderNames.indexes.contains(index) {
      guard let file else { continue }
      names.formUnion(FolderNames.listed(by: try file.contents(limit: 64 << 20, path: folder + index)))
    }
    let sorted = names.sorted()
    state.withLock { $0.listings[folder] = sorted }
    return sorted
  }
}
