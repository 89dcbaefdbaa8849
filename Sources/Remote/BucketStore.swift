internal import Bytes
internal import Digests
internal import Synchronization

/// Objects of S3, or of a store with the same interface: `s3://bucket/key`, and folders as `s3://bucket/prefix/`.
///
/// Source: Amazon S3, "API Reference" (GetObject, HeadObject, ListObjectsV2).
final class BucketStore: RemoteStore {
  static let scheme = "s3://"

  private struct State {
    /// Objects below a prefix that ends with a slash.
    var listings: [String: FileListing] = [:]
    /// Objects that were asked for; nil where there is none.
    var files: [String: RangedFile?] = [:]
    /// Regions of buckets, where they are others than what the settings say.
    var regions: [String: String] = [:]
  }

  private let settings: BucketSettings
  private let transfers: Transfers
  private let cache: BlockCache
  private let state = Mutex(State())

  init(_ environment: RemoteEnvironment, _ transfers: Transfers, _ cache: BlockCache) {
    settings = BucketSettings(environment)
    self.transfers = transfers
    self.cache = cache
  }

  func owns(_ path: String) -> Bool { path.hasPrefix(Self.scheme) }

  func modelName(of path: String) -> String? { nil }

  func path(naming word: String) throws(FileError) -> String? {
    guard word.prefix(5).lowercased() == Self.scheme else { return nil }
    let place = Place(word)
    guard Self.isBucket(place.bucket) else {
      throw FileError(
        .malformed, path: "s3://...", "names no bucket; s3://bucket/prefix/ is a folder, s3://bucket/key a file")
    }
    return Self.scheme + place.bucket + "/" + place.key
  }

  /// Letters, digits and little else: the name becomes a part of an address.
  private static func isBucket(_ name: String) -> Bool {
    (1...255).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte < 0x80
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-._".utf8.contains(byte)
      } && !name.hasPrefix(".") && !name.contains("..")
  }

  /// A bucket, and what is in it.
  private struct Place {
    let bucket: String
    let key: String

    init(_ path: String) {
      let rest = path.utf8.dropFirst(BucketStore.scheme.utf8.count)
      bucket = String(Substring(rest.prefix { $0 != UInt8(ascii: "/") }))
      key = String(Substring(rest.drop { $0 != UInt8(ascii: "/") }.dropFirst()))
    }
  }

  // MARK: - Requests

  private func request(
    _ place: Place, key: String, query: String = "", isHead: Bool = false, range: Range<Int>? = nil, path: String
  ) -> Request {
    let region = state.withLock { $0.regions[place.bucket] } ?? settings.region ?? "us-east-1"
    // A bucket with points in its name would be no name that a certificate holds.
    let isInHost = settings.endpoint == nil && !place.bucket.contains(".") && !place.bucket.contains("_")
    let server =
      settings.endpoint ?? "https://\(isInHost ? place.bucket + "." : "")s3.\(region).amazonaws.com"
    var request = Request(
      address: server + (isInHost ? "" : "/\(place.bucket)") + "/" + Address.escaped(key)
        + (query.isEmpty ? "" : "?\(query)"),
      path: path, range: range, mostBytes: range?.count ?? 16 << 20)
    request.isHead = isHead
    request.followsRedirects = false
    if let keys = settings.keys {
      request.credentials = .signature(keys: "\(keys.identifier):\(keys.secret)", region: region)
      // Of no bytes; without it S3 refuses the signature.
      request.fields.append("x-amz-content-sha256: \(SHA256Digest(of: []))")
      if let session = keys.session { request.fields.append("x-amz-security-token: \(session)") }
    }
    return request
  }

  /// Asks a bucket, in the region where it turns out to be.
  private func response(
    in place: Place, _ make: () -> Request
  ) throws(FileError) -> Response {
    let answer = try transfers.response(to: make())
    guard [301, 307, 400, 403].contains(answer.status), let region = answer.fields["x-amz-bucket-region"],
      region.utf8.allSatisfy({
        $0 < 0x80
          && ($0 == UInt8(ascii: "-") || Character(Unicode.Scalar($0)).isLetter
            || Character(Unicode.Scalar($0)).isNumber)
      }),
      state.withLock({ state in
        let known = state.regions[place.bucket] ?? settings.region ?? "us-east-1"
        state.regions[place.bucket] = region
        return known != region
      })
    else { return answer }
    return try transfers.response(to: make())
  }

  private func refusal(_ answer: Response, path: String) -> FileError {
    let reason = BucketListing(answer.body)?.errorCode
    guard reason != "NoSuchBucket" else { return FileError(.missing, path: path, "there is no such bucket") }
    let hint: String? =
      switch answer.status {
      case 403 where settings.keys == nil: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile, say who asks"
      case 403: "may these keys read it?"
      case 301, 307, 400: "is AWS_REGION the one of the bucket?"
      default: nil
      }
    let hints = [reason.map { "it says \(FileError.quoted($0))" }, hint].compactMap(\.self)
    return Refusal.error(answer, path: path, hint: hints.isEmpty ? nil : hints.joined(separator: "; "))
  }

  /// The objects below a folder, which is asked for once; by their names from there.
  private func listing(_ folder: String) throws(FileError) -> FileListing {
    let path = FileSystem.join(folder, "")
    if let known = state.withLock({ $0.listings[path] }) { return known }
    let place = Place(path)
    let prefix = place.key == "/" ? "" : place.key
    var objects: [(name: String, file: FileListing.File)] = []
    var page: String?
    repeat {
      // In the order of their names, as a signature wants them.
      let query =
        (page.map { "continuation-token=\(Self.value($0))&" } ?? "")
        + "list-type=2&max-keys=1000&prefix=\(Self.value(prefix))"
      let answer = try response(in: place) { request(place, key: "", query: query, path: path) }
      guard answer.status == 200 else { throw refusal(answer, path: path) }
      guard !answer.isCut, let listing = BucketListing(answer.body), listing.errorCode == nil else {
        throw FileError(.malformed, path: path, "the store does not list what is there")
      }
      for object in listing.objects where object.key.hasPrefix(prefix) {
        objects.append(
          (
            String(object.key.dropFirst(prefix.count)),
            FileListing.File(byteCount: object.byteCount, version: object.tag, sha256: nil)
          ))
      }
      guard listing.nextPage != page || page == nil, objects.count <= 100_000 else {
        throw FileError(
          .unsupported, path: path, "holds more objects than a model has files; name the model's own folder")
      }
      page = listing.nextPage
    } while page != nil
    let found = FileListing(objects)
    state.withLock { $0.listings[path] = found }
    return found
  }

  private static func value(_ text: String) -> String { Address.escaped(text).replacing("/", with: "%2F") }

  /// The listing that a path lies in, and its name there; nil where none was asked for.
  private func known(_ path: String) -> (listing: FileListing, name: String)? {
    state.withLock { state in
      state.listings.filter { path.hasPrefix($0.key) }.max { $0.key.utf8.count < $1.key.utf8.count }
        .map { ($0.value, String(path.dropFirst($0.key.count))) }
    }
  }

  /// The files that were opened.
  var opened: [RangedFile] { state.withLock { $0.files.values.compactMap(\.self) } }

  // MARK: - Questions

  func entry(at path: String) throws(FileError) -> RemoteEntry? {
    if path.utf8.last == UInt8(ascii: "/") { return try listing(path).isEmpty ? nil : .folder }
    if let (listing, name) = known(path) { return listing.entry(name) }
    if let file = try file(path) { return .file(byteCount: file.byteCount) }
    return try listing(path).isEmpty ? nil : .folder
  }

  func names(inFolder path: String) throws(FileError) -> [String] {
    if let (listing, name) = known(path) { return listing.names(in: name.split(separator: "/").joined(separator: "/")) }
    return try listing(path).names(in: "")
  }

  func open(_ path: String) throws(FileError) -> any RemoteFile {
    guard let file = try file(path) else { throw FileError(.missing, path: path, "the bucket has no such object") }
    return file
  }

  private func file(_ path: String) throws(FileError) -> RangedFile? {
    if let known = state.withLock({ $0.files[path] }) { return known }
    let place = Place(path)
    let answer = try response(in: place) {
      var request = request(place, key: place.key, isHead: true, path: path)
      request.fields.append("x-amz-checksum-mode: ENABLED")
      return request
    }
    let file: RangedFile?
    switch answer.status {
    case 404, 410: file = nil
    case 200:
      guard let count = answer.fields["content-length"].flatMap(Int.init), count >= 0 else {
        throw FileError(.malformed, path: path, "the store does not say how long it is")
      }
      // Of an object that was put in parts the digest is one of their digests.
      let isWhole = answer.fields["x-amz-checksum-type"].map { $0 == "FULL_OBJECT" } ?? true
      let digest = isWhole ? answer.fields["x-amz-checksum-sha256"].flatMap(Base64.hexadecimal(ofSHA256:)) : nil
      file = RangedFile(
        RangedFile.Description(
          path: path, byteCount: count, tag: answer.fields["etag"], modified: answer.fields["last-modified"],
          sha256: digest), transfers, cache
      ) { [self] in request(place, key: place.key, range: $0, path: path) }
    default: throw refusal(answer, path: path)
    }
    state.withLock { $0.files[path] = .some(file) }
    return file
  }
}
