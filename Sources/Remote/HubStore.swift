internal import Bytes
internal import Synchronization

/// Repositories of the Hugging Face hub, or of a server with the same interface: `hf://org/name@revision/file`.
///
/// Source: huggingface.co, "Hub API endpoints".
final class HubStore: RemoteStore {
  static let scheme = "hf://"

  /// A revision as it was found when it was first asked for.
  private struct Snapshot: Sendable {
    let commit: String
    let files: FileListing
  }

  private struct State {
    var snapshots: [String: Snapshot] = [:]
    var files: [String: RangedFile] = [:]
    var remarks: [String] = []
  }

  private let transfers: Transfers
  private let cache: BlockCache
  private let endpoint: String
  private let shownEndpoint: String
  private let token: String?
  private let folder: HubCacheFolder?
  private let isOffline: Bool
  private let state = Mutex(State())

  init(_ environment: RemoteEnvironment, _ transfers: Transfers, _ cache: BlockCache) {
    self.transfers = transfers
    self.cache = cache
    let endpoint = environment.server("HF_ENDPOINT") ?? "https://huggingface.co"
    self.endpoint = endpoint
    // What may be in it is nobody's business.
    var shown = Address(endpoint)?.path ?? "its endpoint"
    while shown.hasSuffix("/") { shown.removeLast() }
    shownEndpoint = shown
    let home =
      environment.path("HF_HOME") ?? environment.path("XDG_CACHE_HOME").map { "\($0)/huggingface" }
      ?? environment.home(".cache/huggingface")
    folder = (environment.path("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? home.map { "\($0)/hub" })
      .map(HubCacheFolder.init)
    isOffline = environment.isOn("HF_HUB_OFFLINE")
    token = environment.isOn("HF_HUB_DISABLE_IMPLICIT_TOKEN") ? nil : Self.token(environment, home: home)
  }

  /// That of the environment, or of the file that `hf auth login` writes.
  private static func token(_ environment: RemoteEnvironment, home: String?) -> String? {
    func trimmed(_ text: String) -> String? {
      let text = text.filter { !$0.isWhitespace }
      return text.isEmpty ? nil : text
    }
    if let token = environment.first("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") { return trimmed(token) }
    guard let path = environment.path("HF_TOKEN_PATH") ?? home.map({ "\($0)/token" }),
      let bytes = try? InputFile.contents(of: path, limit: 4096)
    else { return nil }
    return trimmed(String(decoding: bytes, as: UTF8.self))
  }

  /// What was found where, a sentence each.
  var remarks: [String] { state.withLock { $0.remarks } }

  func owns(_ path: String) -> Bool { path.hasPrefix(Self.scheme) }

  func modelName(of path: String) -> String? { (try? name(of: path))?.modelName }

  private func name(of path: String) throws(FileError) -> HubName {
    if let name = HubName(String(path.dropFirst(Self.scheme.count))) { return name }
    throw FileError(.malformed, path: path, "is no name of a model on the hub; hf://org/name@revision/file is one")
  }

  // MARK: - Names

  /// Endings of files, which no repository is meant by.
  private static let fileEndings = [
    ".gguf", ".safetensors", ".bin", ".pt", ".pth", ".zst", ".json", ".txt", ".jinja", ".dat", ".jsonl",
  ]

  func path(naming word: String) throws(FileError) -> String? {
    let name: HubName
    if owns(word) {
      name = try self.name(of: word)
    } else {
      // `hf://` says what is meant; without it something here is, or one of its files that is missing.
      guard let found = HubName(word), found.file.isEmpty, !word.hasSuffix("/"),
        !Self.fileEndings.contains(where: { word.hasFileEnding($0) }), try !FileSystem.isTaken(word)
      else { return nil }
      name = found
    }
    if let local = try cached(name) { return local }
    return name.file.isEmpty ? name.root : name.root + "/" + name.file
  }

  /// What the cache has of it; nil where that is not all.
  private func cached(_ name: HubName) throws(FileError) -> String? {
    guard let folder, let snapshot = try folder.snapshot(of: name) else { return nil }
    let path = name.file.isEmpty ? snapshot : FileSystem.join(snapshot, name.file)
    let isThere = name.file.isEmpty ? try HubCacheFolder.isWhole(snapshot) : (try? FileSystem.exists(path)) ?? false
    // Without a network nothing more is to be had.
    guard isThere || (isOffline && name.file.isEmpty) else { return nil }
    remark("\(name.root): is read from the cache, \(path)")
    return path
  }

  private func remark(_ text: String) {
    state.withLock { state in
      if !state.remarks.contains(text) { state.remarks.append(text) }
    }
  }

  // MARK: - Requests

  private func request(_ place: String, path: String, range: Range<Int>? = nil) -> Request {
    Request(
      address: place, path: path, range: range, credentials: token.map { .token($0) } ?? .none,
      mostBytes: range?.count ?? 64 << 20)
  }

  private func snapshot(of name: HubName) throws(FileError) -> Snapshot {
    let root = name.root
    if let known = state.withLock({ $0.snapshots[root] }) { return known }
    guard !isOffline else {
      throw FileError(
        .missing, path: root,
        "is not in the cache\(folder.map { " \($0.path)" } ?? ""), at least not all of it, and HF_HUB_OFFLINE keeps from "
          + "asking the hub")
    }
    let api = "\(endpoint)/api/models/\(name.repository)"
    let revision = Address.escaped(name.revision ?? "main").replacing("/", with: "%2F")
    let answer = try transfers.response(to: request("\(api)/revision/\(revision)", path: root))
    guard answer.status == 200 else { throw refusal(answer, name, path: root) }
    guard !answer.isCut, let commit = HubAnswers.commit(answer.body) else {
      throw FileError(.malformed, path: root, "the hub (\(shownEndpoint)) does not say which commit it is")
    }
    var files: [(name: String, file: FileListing.File)] = []
    var next: String? = "\(api)/tree/\(commit)?recursive=true"
    var pages = 0
    while let page = next {
      let answer = try transfers.response(to: request(page, path: root))
      guard answer.status == 200 else { throw refusal(answer, name, path: root) }
      guard !answer.isCut, let found = HubAnswers.files(answer.body) else {
        throw FileError(.malformed, path: root, "the hub (\(shownEndpoint)) does not list the files of it")
      }
      files += found
      pages += 1
      next = answer.fields["link"].flatMap(HubAnswers.nextPage)
      // The token is for the endpoint alone.
      guard next?.hasPrefix(endpoint + "/") != false, pages < 1000 else {
        throw FileError(.malformed, path: root, "the hub (\(shownEndpoint)) continues its list of files elsewhere")
      }
    }
    let snapshot = Snapshot(commit: commit, files: FileListing(files))
    guard !snapshot.files.isEmpty else { throw FileError(.missing, path: root, "the repository holds no files") }
    state.withLock { $0.snapshots[root] = snapshot }
    remark("\(root): is fetched from \(shownEndpoint), commit \(commit)")
    return snapshot
  }

  private func refusal(_ answer: Response, _ name: HubName, path: String) -> FileError {
    let reason = answer.fields["x-error-code"] ?? ""
    let page = "\(shownEndpoint)/\(name.repository)"
    switch (answer.status, reason) {
    case (_, "GatedRepo"):
      return FileError(
        .system, path: path,
        token == nil
          ? "is given to those who have asked for it only; ask at \(page) and set HF_TOKEN"
          : "is given to those who have asked for it only, and the token is of nobody who has; ask at \(page)")
    case (404, "RevisionNotFound"): return FileError(.missing, path: path, "the hub knows no such revision of it")
    case (401, _), (404, _):
      return FileError(
        .missing, path: path,
        "the hub (\(shownEndpoint)) shows no such model, and nothing of that name is here (HTTP \(answer.status)); "
          + (token == nil ? "is it spelled so, or is it private and needs HF_TOKEN?" : "may the token see it?"))
    default:
      return Refusal.error(answer, path: path, hint: token == nil ? "HF_TOKEN says who asks" : "may the token read it?")
    }
  }

  /// The files that were opened.
  var opened: [RangedFile] { state.withLock { $0.files.values.map(\.self) } }

  // MARK: - Questions

  func entry(at path: String) throws(FileError) -> RemoteEntry? {
    let name = try name(of: path)
    return try snapshot(of: name).files.entry(name.file)
  }

  func names(inFolder path: String) throws(FileError) -> [String] {
    let name = try name(of: path)
    return try snapshot(of: name).files.names(in: name.file)
  }

  func open(_ path: String) throws(FileError) -> any RemoteFile {
    let name = try name(of: path)
    let snapshot = try snapshot(of: name)
    guard let file = snapshot.files.file(name.file) else {
      throw FileError(
        .missing, path: path,
        snapshot.files.entry(name.file) == .folder
          ? "is a folder, where a file is expected" : "the hub has no such file")
    }
    if let known = state.withLock({ $0.files[path] }) { return known }
    let place = "\(endpoint)/\(name.repository)/resolve/\(snapshot.commit)/\(Address.escaped(name.file))"
    let opened = RangedFile(
      RangedFile.Description(
        path: path, byteCount: file.byteCount, sha256: file.sha256, revision: "\(snapshot.commit) \(file.version)",
        isPinned: true),
      origin: "\(Self.scheme)\(name.repository)@\(snapshot.commit)/\(name.file)", transfers, cache
    ) { [self] in request(place, path: path, range: $0) }
    state.withLock { $0.files[path] = opened }
    return opened
  }
}
