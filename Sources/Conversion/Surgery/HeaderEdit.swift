public import Bytes
internal import Digests
internal import GGUF
internal import Safetensors
internal import Tensors

/// An edit of the metadata of one file: what it changes, and how it is carried out. The tensors stay what they are.
public struct HeaderEdit: Sendable {
  /// How a file is changed.
  public enum Method: String, Sendable {
    /// Nothing is to be changed.
    case none
    /// The new header takes the place of the old one, and not a byte of a tensor is moved.
    case inPlace = "in_place"
    /// The new header does not fit: the whole file is written anew.
    case rewritten
  }

  /// The file, which may be one of a folder or a set that was named.
  public let path: String
  public let changes: [MetadataChange]
  public let method: Method
  /// What a person should know.
  public let notes: [Note]
  private let source: InputFile
  private let head: [UInt8]
  /// Where the tensors begin now.
  private let dataOffset: Int

  /// Bytes of the file when it is done.
  public var byteCount: Int { head.count + source.byteCount - dataOffset }

  /// A header with other metadata.
  private struct Edited {
    let head: [UInt8]
    let dataOffset: Int
    let changes: [MetadataChange]
    var notes: [Note] = []
  }

  /// How headers of one container are edited.
  private struct Rule: Sendable {
    let container: Container
    /// The file of an opened model that has the metadata.
    let file: @Sendable (OpenedContainer) throws(FileError) -> String
    let edit: @Sendable (any ByteSource, [MetadataEdit]) throws(FileError) -> Edited
    /// The tensors of a file and where they lie, as its reader has them.
    let tensors: @Sendable (any ByteSource) throws(FileError) -> [PlacedTensor]
  }

  /// One line for each container whose headers are edited.
  private static let rules: [Rule] = [
    Rule(
      container: .gguf, file: { $0.files.first ?? $0.source.name },
      edit: { source, edits throws(FileError) in try gguf(source, edits) },
      tensors: { source throws(FileError) in try GGUFFile(source).tensors }),
    Rule(
      container: .safetensors,
      file: { opened throws(FileError) in
        guard let only = opened.files.first, opened.files.count == 1 else {
          throw FileError(
            .unsupported, path: opened.source.name,
            "has \(opened.files.count) files of weights, and each its own metadata; name the one to edit")
        }
        return only
      }, edit: { source, edits throws(FileError) in try safetensors(source, edits) },
      tensors: { source throws(FileError) in try SafetensorsFile(source).placedTensors }),
  ]

  /// Plans an edit, and changes nothing; but a file that a run has left half changed is put right first.
  /// - Parameter path: a file, or a folder or split set, of which the file with the metadata is meant.
  /// - Throws: `FileError` when the edit cannot be made, or the file is one that is not to be changed: a link, one that has
  ///   other names, a packed one.
  public init(of path: String, _ edits: [MetadataEdit]) throws(FileError) {
    try RemoteStores.refuseWriting(to: path)
    try Self.recover(path)
    let opened = try Recognition.open(path)
    guard let rule = Self.rules.first(where: { $0.container == opened.container }) else {
      throw FileError(.unsupported, path: path, "is in \(opened.container.name), which is only read")
    }
    let file = try rule.file(opened)
    try HeadReplacement.requireOneName(file)
    try StagedOutput.removeSpent(
      .files, in: FileSystem.parent(file), files: [.init(name: FileSystem.lastComponent(file), byteCount: nil)])
    guard let source = try Packing.openWeights(file) as? InputFile else {
      throw FileError(
        .unsupported, path: file, "is packed, and not changed as it is; unpack it, edit that, and pack it again")
    }
    let edited = try rule.edit(source, edits)
    self.path = file
    self.source = source
    changes = edited.changes
    notes = edited.notes
    head = edited.head
    dataOffset = edited.dataOffset
    if changes.isEmpty { method = .none } else { method = head.count == dataOffset ? .inPlace : .rewritten }
    // The file as it is to be, read as any other, before a byte of it is written.
    let result = ReplacedHead(head: head, source: source, dataOffset: dataOffset)
    let (before, after) = (try rule.tensors(source), try rule.tensors(result))
    let moved = head.count - dataOffset
    guard before.count == after.count,
      zip(before, after).allSatisfy({ $0.descriptor == $1.descriptor && $0.offset + moved == $1.offset })
    else {
      throw FileError(.unsupported, path: file, "its tensors would not be found again with another header")
    }
  }

  /// Puts right what a kill has left.
  private static func recover(_ path: String) throws(FileError) {
    guard (try? FileSystem.isFolder(path)) == true else {
      if path.utf8.last != UInt8(ascii: "/") { try HeadReplacement.recover(path) }
      return
    }
    for name in try FileSystem.names(inFolder: path)
    where name.hasPrefix(".") && name.hasSuffix(HeadReplacement.keptEnding) {
      let file = String(name.dropFirst().dropLast(HeadReplacement.keptEnding.count))
      if !file.isEmpty { try HeadReplacement.recover(FileSystem.join(path, file)) }
    }
  }

  // MARK: - Containers

  private static func gguf(_ source: any ByteSource, _ edits: [MetadataEdit]) throws(FileError) -> Edited {
    let file = try GGUFFile(source)
    let edited = try EditedMetadata(file.metadata, edits, path: source.path)
    var notes: [Note] = []
    let kept = "decant.huggingface.generation_config"
    if file.metadata[kept] != nil, !edited.changes.contains(where: { $0.key == kept }),
      edited.changes.contains(where: { $0.key.hasSuffix("eos_token_id") || $0.key.hasSuffix("eot_token_id") })
    {
      notes.append(
        "\(kept) goes along unchanged, and may list other ids that end a text; remove it if it does not hold")
    }
    return Edited(
      head: try file.header(with: edited.metadata), dataOffset: min(file.dataOffset, file.byteCount),
      changes: edited.changes, notes: notes)
  }

  private static func safetensors(_ source: any ByteSource, _ edits: [MetadataEdit]) throws(FileError) -> Edited {
    let file = try SafetensorsFile(source)
    var metadata = file.metadata
    var changes: [MetadataChange] = []
    func failure(_ code: FileError.Code, _ key: String, _ message: String) -> FileError {
      FileError(code, path: source.path, subject: key, message)
    }
    func existing(_ key: String) throws(FileError) -> String {
      guard let value = metadata[key] else { throw failure(.missing, key, "there is no such key in __metadata__") }
      return value
    }
    func change(_ key: String, to value: String?) {
      guard metadata[key] != value else { return }
      changes.append(
        MetadataChange(
          key: key, before: metadata[key].map(MetadataValue.string), after: value.map(MetadataValue.string)))
      metadata[key] = value
    }
    for edit in edits {
      guard case .rename(let key, let name) = edit else { continue }
      let value = try existing(key)
      guard metadata[name] == nil else { throw failure(.exists, name, "is there already; remove it first") }
      change(key, to: nil)
      change(name, to: value)
    }
    for edit in edits {
      guard case .remove(let key) = edit else { continue }
      _ = try existing(key)
      change(key, to: nil)
    }
    for edit in edits {
      guard case .set(let key, let element, let type, let value) = edit else { continue }
      guard key != "tokenizer.chat_template" else {
        throw failure(
          .unsupported, key,
          "a Hugging Face folder has its chat template in chat_template.jinja or tokenizer_config.json, which any editor changes"
        )
      }
      guard element == nil, type == nil || type == "string" else {
        throw failure(.unsupported, key, "the metadata of safetensors holds texts alone, without types and elements")
      }
      change(key, to: value)
    }
    return Edited(head: try file.header(with: metadata), dataOffset: file.dataOffset, changes: changes)
  }

  // MARK: - Carrying it out

  /// Changes the file.
  /// - Parameter onBytes: is told how many bytes more are written, where the file is written anew.
  /// - Returns: what is left and could not be removed. The file is changed all the same.
  /// - Throws: `FileError`; the file is what it was then, unless the error says otherwise.
  @discardableResult
  public func run(
    workers: Int = FileSystem.processorCount(), onBytes: @escaping @Sendable (Int) -> Void = { _ in }
  ) async throws(FileError) -> [FileError] {
    switch method {
    case .none: return []
    case .inPlace: return try HeadReplacement.write(head, to: source)
    case .rewritten: return try await rewrite(workers: workers, onBytes)
    }
  }

  /// Bytes that a run that was killed need not write again.
  private static let itemBytes = 64 << 20

  /// Bytes that are read at once.
  private static let partBytes = 4 << 20

  private func rewrite(
    workers: Int, _ onBytes: @escaping @Sendable (Int) -> Void
  ) async throws(FileError) -> [FileError] {
    try source.requireUnchanged()
    let output = try StagedOutput(
      .files, in: FileSystem.parent(path), files: [.init(name: FileSystem.lastComponent(path), byteCount: byteCount)],
      sources: [source], replacing: true, fingerprint: fingerprint)
    do throws(FileError) {
      let (count, start) = (source.byteCount - dataOffset, head.count)
      let (source, dataOffset, finished) = (source, dataOffset, output.finishedItems)
      let items = count.dividedRoundingUp(by: Self.itemBytes)
      _ = try await Workers(count: max(1, workers)).map(items) { (item, _) throws(FileError) in
        guard finished[item] == nil else { return }
        let end = min((item + 1) * Self.itemBytes, count)
        for place in stride(from: item * Self.itemBytes, to: end, by: Self.partBytes) {
          let bytes = try source.bytes(at: dataOffset + place, count: min(Self.partBytes, end - place))
          try bytes.withBytes { part throws(FileError) in try output.write(part, file: 0, at: start + place) }
          onBytes(bytes.count)
        }
        try output.finish(item: item)
      }
      try head.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: 0) }
      try output.takeAccess(of: source, file: 0)
      try source.requireUnchanged()
      return try output.commit()
    } catch {
      throw output.stopped(by: error)
    }
  }

  private var fingerprint: String {
    var stream = FastDigest.Stream()
    stream.add("decant \(Version.current) edit \(source.identity) \(dataOffset)\n")
    head.withBytes { stream.add($0) }
    return stream.digest.description
  }
}

/// A file with another beginning.
private struct ReplacedHead: ByteSource {
  let head: [UInt8]
  let source: InputFile
  /// Where the rest begins in the file.
  let dataOffset: Int

  var path: String { source.path }
  var byteCount: Int { head.count + source.byteCount - dataOffset }

  func read(at offset: Int, into bytes: inout MutableRawSpan, subject: String?) throws(FileError) {
    try requireInside(offset, count: bytes.byteCount, subject: subject)
    let own = max(0, min(bytes.byteCount, head.count - offset))
    head.withBytes(in: min(offset, head.count)..<min(offset, head.count) + own) { bytes.copy($0, at: 0) }
    guard own < bytes.byteCount else { return }
    var rest = bytes._mutatingExtracting(own..<bytes.byteCount)
    try source.read(at: offset + own - head.count + dataOffset, into: &rest, subject: subject)
  }
}
