internal import Bytes
internal import Synchronization

/// A file of a server that gives parts of it. Parts are fetched in blocks, several at a time and ahead of who reads in order, and
/// each answer is held against what the file was when it was opened.
final class RangedFile: RemoteFile {
  /// What is known of a file when it is opened.
  struct Description: Sendable {
    let path: String
    let byteCount: Int
    /// The version, as the server names it; nil where it does not.
    var tag: String?
    var modified: String?
    /// SHA-256 of the whole, in hexadecimal digits, where the store tells it.
    var sha256: String?
    /// What the store says of the contents besides.
    var revision: String?
    /// Whether the store never gives other contents for the address, however its servers call them.
    var isPinned = false
  }

  private struct State {
    /// Where the last redirect has led, which is asked directly from then on.
    var location: String?
    var ahead = ReadAhead()
  }

  private let file: Description
  /// The request for a part.
  private let request: @Sendable (Range<Int>) -> Request
  private let transfers: Transfers
  private let cache: BlockCache
  private let number: Int
  private let layout: BlockLayout
  /// The first block, where it came when the file was opened.
  private let head: [UInt8]?
  private let digest: WholeDigest?
  private let place: String
  private let state: Mutex<State>

  init(
    _ file: Description, head: [UInt8]? = nil, location: String? = nil, origin: String? = nil, _ transfers: Transfers,
    _ cache: BlockCache, request: @escaping @Sendable (Range<Int>) -> Request
  ) {
    self.file = file
    self.head = head
    place = origin ?? file.path
    self.transfers = transfers
    self.cache = cache
    self.request = request
    number = cache.newFile()
    let layout = BlockLayout(byteCount: file.byteCount)
    self.layout = layout
    digest = file.byteCount == 0 ? nil : file.sha256.map { WholeDigest(expected: $0, blockCount: layout.count) }
    state = Mutex(State(location: location))
    if let head { digest?.add(0, head) }
  }

  var byteCount: Int { file.byteCount }

  var identity: String {
    let version = [file.revision, file.sha256, file.tag, file.modified].compactMap(\.self)
    // Nothing shows that a file without a version is the same the next time.
    return "\(file.path) \(file.byteCount) " + (version.isEmpty ? Self.unknownVersion : version.joined(separator: " "))
  }

  private static let unknownVersion = "\(UInt64.random(in: 0 ... .max))"

  var origin: String {
    place + (file.sha256.map { " sha256:\($0)" } ?? file.tag.map { " etag:\($0)" } ?? "")
  }

  // MARK: - Reading

  func read(at offset: Int, into bytes: inout MutableRawSpan) throws(FileError) {
    let end = offset + bytes.byteCount
    let (first, last) = (layout.number(at: offset), layout.number(at: end - 1))
    let isBulk = layout.isLong(first) || bytes.byteCount >= BlockCache.blockSize / 4
    let ahead = state.withLock { $0.ahead.read(first...last, isBulk: isBulk) }
    // Few at a time of what is longer than memory has room for.
    var wanted = first
    for block in first...last {
      while wanted <= last, wanted < block + Transfers.mostActive {
        fetched(wanted, isUrgent: true)
        wanted += 1
      }
      if block == last, ahead > 0 {
        for number in last + 1..<min(last + 1 + ahead, max(layout.count, last + 1)) {
          fetched(number, isUrgent: false)
        }
      }
      let range = layout.range(of: block)
      let part = max(offset, range.lowerBound)..<min(end, range.upperBound)
      let contents = try contents(of: block)
      try contents.withBytes(in: part.lowerBound - range.lowerBound..<part.upperBound - range.lowerBound) {
        span throws(FileError) in bytes.copy(span, at: part.lowerBound - offset)
      }
    }
    if end == byteCount { try checkDigest() }
  }

  private func contents(of number: Int) throws(FileError) -> [UInt8] {
    if number == 0, let head { return head }
    guard let block = fetched(number, isUrgent: true) else {
      throw FileError(.system, path: file.path, "is not fetched")
    }
    return try block.value(path: file.path).get()
  }

  /// A block, which is asked for where nobody has; nil for one that is there, or that there is no room for ahead.
  @discardableResult
  private func fetched(_ number: Int, isUrgent: Bool) -> BlockCache.Block? {
    if number == 0, head != nil { return nil }
    let key = BlockCache.Key(file: self.number, number: number)
    guard let (block, isNew) = cache.block(key, isUrgent: isUrgent) else { return nil }
    if isNew {
      fetch(layout.range(of: number), isUrgent: isUrgent) { [self] outcome in
        switch outcome {
        case .success(let bytes): digest?.add(number, bytes)
        case .failure: cache.forget(key)
        }
        block.set(outcome)
      }
    }
    return block
  }

  /// Asks for a part where the last redirect has led, and from the beginning where that does not go on: such addresses expire.
  private func fetch(
    _ range: Range<Int>, isUrgent: Bool, completion: @escaping @Sendable (Result<[UInt8], FileError>) -> Void
  ) {
    let original = conditional(request(range))
    guard let location = state.withLock({ $0.location }) else {
      return transfers.begin(original, isUrgent: isUrgent) { [self] in completion(checked($0, range)) }
    }
    transfers.begin(Self.redirected(original, to: location), isUrgent: isUrgent) { [self] outcome in
      guard case .success(let response) = outcome, [400, 401, 403, 404, 410].contains(response.status) else {
        return completion(checked(outcome, range))
      }
      state.withLock { if $0.location == location { $0.location = nil } }
      transfers.begin(original, isUrgent: isUrgent) { completion(self.checked($0, range)) }
    }
  }

  /// Only the server that they are for sees credentials.
  private static func redirected(_ request: Request, to location: String) -> Request {
    var request = request
    if Transfers.server(of: location) != Transfers.server(of: request.address) { request.credentials = .none }
    request.address = location
    return request
  }

  /// The request, for the version that was opened only. A weak tag says nothing of bytes, so that it is only compared.
  private func conditional(_ request: Request) -> Request {
    var request = request
    if let tag = file.tag, !tag.hasPrefix("W/") { request.fields.append("If-Range: \(tag)") }
    return request
  }

  // MARK: - Answers

  private func checked(_ outcome: Transfers.Outcome, _ range: Range<Int>) -> Result<[UInt8], FileError> {
    do throws(FileError) {
      return .success(try checked(try outcome.get(), range))
    } catch {
      return .failure(error)
    }
  }

  private func checked(_ response: Response, _ range: Range<Int>) throws(FileError) -> [UInt8] {
    let (found, path) = (response.fields["etag"], file.path)
    if [200, 206].contains(response.status) {
      if let tag = file.tag, let found, found != tag { throw changed("\(tag) before, \(found) now") }
      if file.tag == nil, let modified = file.modified, let now = response.fields["last-modified"], now != modified {
        throw changed("of \(modified) before, of \(now) now")
      }
    }
    switch response.status {
    case 206: break
    case 200:
      if let text = response.fields["content-length"], let count = Int(text), count != byteCount {
        throw changed("\(byteCount) bytes before, \(count) now")
      }
      if range == 0..<byteCount, !response.isCut, response.body.count == byteCount { return response.body }
      throw response.wholeInsteadOfPart(path: path, offset: range.lowerBound)
    case 404, 410: throw FileError(.missing, path: path, "is no longer there (HTTP \(response.status))")
    case 412: throw changed("HTTP 412")
    case 416: throw changed("it has become shorter: HTTP 416")
    default: throw Refusal.error(response, path: path)
    }
    let part = try response.part(path: path, offset: range.lowerBound)
    guard part.total == byteCount else { throw changed("\(byteCount) bytes before, \(part.total) now") }
    try response.requirePart(range, part, path: path)
    if let location = response.location { state.withLock { $0.location = location } }
    return response.body
  }

  private func changed(_ how: String) -> FileError {
    FileError(
      .mismatch, path: file.path,
      "was changed since it was opened (\(how)), so that nothing comes of it; try again when nobody writes it")
  }

  // MARK: - In the end

  private func checkDigest() throws(FileError) {
    guard let digest, let found = digest.found, found != digest.expected else { return }
    throw FileError(
      .mismatch, path: file.path,
      "has the SHA-256 \(found), but its store says \(digest.expected): it was damaged there or on the way; try again")
  }

  /// Whether all of it was read and has the digest that its store tells; nil where its store tells none.
  var hasToldDigest: Bool? { digest.map { $0.found == $0.expected } }

  var isUnchanged: Bool {
    get throws(FileError) {
      try checkDigest()
      guard !file.isPinned, byteCount > 0 else { return true }
      let range = 0..<1
      let pending = Pending<Result<[UInt8], FileError>>()
      fetch(range, isUrgent: true) { pending.set($0) }
      do throws(FileError) {
        _ = try pending.value(path: file.path).get()
        return true
      } catch  where error.code == .mismatch || error.code == .missing {
        return false
      }
    }
  }
}
