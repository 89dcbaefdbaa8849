public import Bytes
internal import Digests
internal import Tensors

/// The parts of an output, put together: every byte is what one machine writes. Weights stay where they are on the disk; what is
/// written is the digests of the sources, which no part knows alone.
public struct Assembly: Sendable {
  public let path: String
  public let folder: PartsFolder
  /// Of each part the record, in order.
  private let records: [PartRecord]
  /// What tells the files of the records from others of their names, as `InputFile.identity`.
  private let identities: [Part: String]
  /// Of all parts, in the order of the whole output, with what stands for the digests in each.
  private let files: [PartRecord.File]
  private let destination: Destination
  /// What says of the sources what all parts together know; nil where the output does not say.
  private let digests: String?
  /// Whether all files have their names.
  private var isPlaced = false

  public var partCount: Int { records.count }
  /// What to open to read the output: the folder, the file, or the first of a split set.
  public var outputPath: String {
    guard destination.isFile, let first = files.first else { return path }
    return FileSystem.join(destination.folder, first.name)
  }
  public var byteCount: Int { files.reduce(0) { $0 + $1.byteCount } }
  /// Of the whole output, in order.
  public var fileNames: [String] { files.map(\.name) }

  /// Reads what the parts say of themselves, and looks at their files.
  /// - Parameters:
  ///   - path: of the whole output, as it was given to each part.
  ///   - replacing: whether an output that is there is replaced.
  /// - Throws: `FileError` where parts are missing, or not of one plan, or not whole, or have read other models.
  public init(of path: String, replacing: Bool = false) throws(FileError) {
    self.path = path
    folder = PartsFolder(of: path)
    guard let names = try folder.recordNames() else {
      throw FileError(
        .missing, path: folder.path, "there is no such folder, in which the parts of \(path) would be; make them first")
    }
    var identities: [Part: String] = [:]
    let records = try Self.records(names, folder, &identities)
    self.records = records
    self.identities = identities
    let first = records[0]
    guard let container = Container.written.first(where: { $0.name == first.container }) else {
      throw FileError(
        .unsupported, path: folder.path,
        "parts are of a container called \(FileError.quoted(first.container)), which is not known"
      )
    }
    let destination = Destination(
      path: path, container: container, fileCount: first.fileCount, replacesExisting: replacing,
      recordsProvenance: false)
    guard destination.isFile == (first.output != nil),
      first.output.map({ $0 == FileSystem.lastComponent(path) }) ?? true
    else {
      throw FileError(
        .mismatch, path: path,
        first.output.map {
          "was begun as \(FileError.quoted($0)), after which its files are named; assemble it under that name"
        }
          ?? "was begun as a folder; assemble it under such a name")
    }
    self.destination = destination
    files = try Self.files(of: records, folder)
    for file in files where !Self.isName(file.name, of: destination) {
      throw FileError(
        .malformed, path: folder.path, subject: file.name,
        "is no name of a file of \(path); make the part again that says so", remedy: .makePartAgain)
    }
    digests = try Self.digests(of: records, folder)
    let paths = try found()
    isPlaced = files.indices.allSatisfy { paths[$0] == places(of: $0)[2] }
    try checkFiles(paths)
  }

  /// Whether one file of an output has that name. What is written beside it is nobody's else's so.
  private static func isName(_ name: String, of destination: Destination) -> Bool {
    guard destination.isFile else { return true }
    let ending = destination.container.fileEnding
    let whole = destination.container.writing?.wholeName(name) ?? name
    return whole.droppingFileEnding(ending) == FileSystem.lastComponent(destination.path).droppingFileEnding(ending)
  }

  private var kind: StagedOutput.Kind { destination.isFile ? .files : .folder }
  /// What tells the assembly from every other job.
  private var job: String { Self.jobPrefix + records[0].job.plan }

  private static let jobPrefix = "assembly of "

  /// Whether a fingerprint is that of an assembly.
  static func isJob(_ fingerprint: String) -> Bool { fingerprint.hasPrefix(jobPrefix) }

  private var stagedFiles: [StagedOutput.File] { files.map { .init(name: $0.name, byteCount: $0.byteCount) } }
  private var stagedPaths: [String] { StagedOutput.stagedPaths(kind, in: destination.folder, files: stagedFiles) }

  /// Where an output is of which no parts are left: what to open to read it.
  /// - Parameter path: of the whole output, as it was given to each part.
  /// - Returns: nil where parts are left, or there is no such output.
  /// - Throws: `FileError` when a folder cannot be read.
  public static func completeOutput(_ path: String) throws(FileError) -> String? {
    guard try !PartsFolder(of: path).holdsParts() else { return nil }
    if try FileSystem.exists(path) { return path }
    let destination = Destination(path: path)
    guard destination.isFile, try FileSystem.isFolder(destination.folder) else { return nil }
    return try FileSystem.names(inFolder: destination.folder).filter { isName($0, of: destination) }.min()
      .map { FileSystem.join(destination.folder, $0) }
  }

  // MARK: - Records

  private static func records(
    _ names: [String], _ folder: PartsFolder, _ identities: inout [Part: String]
  ) throws(FileError) -> [PartRecord] {
    var records: [PartRecord] = []
    for name in names {
      let identity = try InputFile(path: folder.path(of: name)).identity
      let record = try PartRecord(path: folder.path(of: name))
      identities[record.part] = identity
      guard name == PartsFolder.recordName(of: record.part) else {
        throw FileError(
          .mismatch, path: folder.path(of: name), "speaks of part \(record.part); was the file renamed?")
      }
      records.append(record)
    }
    records.sort { $0.part.number < $1.part.number }
    guard let first = records.first else {
      throw FileError(.missing, path: folder.path, "holds no part that is complete")
    }
    for record in records where record.job != first.job {
      throw FileError(
        .mismatch, path: folder.path,
        "parts \(first.part) and \(record.part) are not of one job: the second is \(record.job.difference(from: first.job)); "
          + "remove \(PartsFolder.recordName(of: first.part)) or \(PartsFolder.recordName(of: record.part)), and make the part again"
      )
    }
    let there = Set(records.map(\.part.number))
    let missing = (1...first.part.count).filter { !there.contains($0) }
    guard missing.isEmpty else {
      throw FileError(
        .missing, path: folder.path,
        "\(Part.listed(missing)) of \(first.part.count) "
          + "\(missing.count == 1 ? "is" : "are") not complete; run \(missing.count == 1 ? "it" : "them") first")
    }
    return records
  }

  /// The files of all parts, each once.
  private static func files(of records: [PartRecord], _ folder: PartsFolder) throws(FileError) -> [PartRecord.File] {
    let files = records.flatMap(\.files).sorted { $0.number < $1.number }
    let names = Set(files.map(\.name)), stored = Set(files.map(\.stored))
    guard files.map(\.number) == Array(0..<files.count), records.allSatisfy({ $0.fileCount == files.count }),
      names.count == files.count, stored.count == files.count,
      // No file can be the folder of another.
      names.allSatisfy({ !names.contains(FileSystem.parent($0)) }),
      stored.isDisjoint(with: records.map { PartsFolder.recordName(of: $0.part) }),
      records.allSatisfy({ $0.container == records[0].container && $0.output == records[0].output })
    else {
      throw FileError(
        .malformed, path: folder.path,
        "the records of the parts do not agree on which files there are; make the parts again", remedy: .makePartAgain)
    }
    return files
  }

  // MARK: - Digests

  private static func digests(of records: [PartRecord], _ folder: PartsFolder) throws(FileError) -> String? {
    let count = records[0].sources.count
    guard records.allSatisfy({ $0.sources.count == count }) else {
      throw FileError(
        .malformed, path: folder.path, "the records of the parts do not agree on what was read; make the parts again",
        remedy: .makePartAgain)
    }
    guard count > 0 else { return nil }
    var digests: [String] = []
    for input in 0..<count {
      let tensorCount = records[0].sources[input].tensorCount
      var known: [String: (tensor: PartRecord.Tensor, part: Part)] = [:]
      for record in records {
        guard record.sources[input].tensorCount == tensorCount else {
          throw otherModel(records[0].part, record.part, nil, folder)
        }
        for tensor in record.sources[input].tensors {
          if let other = known[tensor.name], other.tensor != tensor {
            throw otherModel(other.part, record.part, tensor.name, folder)
          }
          known[tensor.name] = (tensor, record.part)
        }
      }
      guard known.count == tensorCount else {
        throw FileError(
          .malformed, path: folder.path,
          "the records of the parts tell the digests of \(known.count) tensors that were read, of \(tensorCount); make the parts "
            + "again", remedy: .makePartAgain)
      }
      let whole = ModelDigests(
        known.values.map {
          ModelDigests.Tensor(
            name: $0.tensor.name, type: $0.tensor.type, shape: $0.tensor.shape, byteCount: 0, fast: $0.tensor.digest,
            cryptographic: nil)
        })
      digests.append(whole.fast.description)
    }
    return Provenance.text(digests)
  }

  private static func otherModel(_ one: Part, _ other: Part, _ tensor: String?, _ folder: PartsFolder) -> FileError {
    FileError(
      .mismatch, path: folder.path, subject: tensor,
      "parts \(one) and \(other) have read other contents; the machines have different copies of the model: compare them with "
        + "decant hash, and make the parts again", remedy: .makePartAgain)
  }

  // MARK: - Files

  /// Where a file may be: among the parts, where an assembly that was stopped has put it, or under its name.
  private func places(of number: Int) -> [String] {
    [
      folder.path(of: files[number].stored), stagedPaths[number],
      FileSystem.join(destination.folder, files[number].name),
    ]
  }

  /// Finds every file.
  /// - Returns: their paths.
  private func found() throws(FileError) -> [String] {
    if try StagedOutput.isPlaced(kind, in: destination.folder, files: stagedFiles, fingerprint: job) {
      return files.indices.map { places(of: $0)[2] }
    }
    let isUnderway = try StagedOutput.jobLeft(kind, in: destination.folder, files: stagedFiles) == job
    var (paths, missing) = ([String](), [Int]())
    for number in files.indices {
      // What has the output's name is of this one where it was being assembled, or where everything else is gone.
      var found: String?
      for path in places(of: number).prefix(isUnderway ? 3 : 2) where found == nil {
        if try FileSystem.exists(path) { found = path }
      }
      if let found { paths.append(found) } else { missing.append(number) }
    }
    if missing.isEmpty { return paths }
    guard missing.count == files.count else { throw notThere(missing) }
    // Without the digests of the model nothing tells that an output is this one.
    guard digests != nil, files.contains(where: { $0.digestsPlace != nil }) else { throw notThere(missing) }
    for number in files.indices {
      let target = places(of: number)[2]
      guard try FileSystem.byteCount(target) == files[number].byteCount else { throw notThere(missing) }
      paths.append(target)
    }
    return paths
  }

  private func notThere(_ missing: [Int]) -> FileError {
    FileError(
      .missing, path: folder.path(of: files[missing[0]].stored),
      "is not there, though its part is complete" + (missing.count > 1 ? "; nor are \(missing.count - 1) more" : "")
        + "; was it moved?")
  }

  /// Looks whether every file is as its part has written it, by its length and its beginning.
  private func checkFiles(_ paths: [String]) throws(FileError) {
    var failures = FileErrors()
    for (file, path) in zip(files, paths) {
      failures.attempt { () throws(FileError) in try check(file, at: path) }
    }
    try failures.check()
  }

  /// The number of the part that has made a file.
  private func part(of file: PartRecord.File) -> String {
    records.first { $0.files.contains(file) }?.part.description ?? "?"
  }

  private func check(_ file: PartRecord.File, at path: String) throws(FileError) {
    let opened = try InputFile(path: path)
    guard opened.byteCount == file.byteCount else {
      throw FileError(
        .truncated, path: path,
        "has \(opened.byteCount) bytes, and part \(part(of: file)) has written \(file.byteCount); copy it again, or make the part "
          + "again", remedy: .makePartAgain)
    }
    let other = FileError(
      .mismatch, path: path,
      "is not what part \(part(of: file)) has written: its beginning differs; copy it again, or make the part again",
      remedy: .makePartAgain)
    var hidden: (place: Int, text: String)?
    if let place = file.digestsPlace {
      let pending = Provenance.pending(records[0].sources.count)
      let (end, overflows) = place.addingReportingOverflow(pending.utf8.count)
      guard !overflows, end <= file.headByteCount, let digests, digests.utf8.count == pending.utf8.count else {
        throw FileError(
          .malformed, path: path, "has no place for the digests of what was read; make its part again",
          remedy: .makePartAgain)
      }
      // What has no name so far may have been stopped in the middle of their being written.
      if isPlaced, try opened.bytes(at: place, count: pending.utf8.count) != Array(digests.utf8) { throw other }
      hidden = (place, pending)
    }
    guard try file.hasBeginning(opened, with: hidden) else { throw other }
  }

  // MARK: - Putting together

  /// Looks at what has the output's names.
  /// - Throws: `FileError` when something is there and must not be replaced.
  public func check() throws(FileError) {
    guard !isPlaced else { return }
    try destination.check(against: [])
    try destination.check(files: stagedFiles, against: [])
  }

  /// Gives the files the output's names. What was stopped goes on in the next run.
  /// - Returns: what is left and could not be removed. The output is complete all the same.
  /// - Throws: `FileError` when something is there and must not be replaced, or a file cannot be written or renamed.
  public func run() throws(FileError) -> [FileError] {
    if isPlaced {
      let left = try CompleteOutput(kind, in: destination.folder, files: stagedFiles, sources: [], fingerprint: job)
      return removeRecords { () throws(FileError) in try left?.conclude() }
    }
    try check()
    try StagedOutput.adopt(
      files.map { folder.path(of: $0.stored) }, as: kind, in: destination.folder, files: stagedFiles, fingerprint: job)
    let staged = try StagedOutput(
      kind, in: destination.folder, files: stagedFiles, replacing: destination.replacesExisting,
      contents: try destination.contentsToReplace(), fingerprint: job)
    let left: [FileError]
    do throws(FileError) {
      if let digests {
        for (number, file) in files.enumerated() {
          guard let place = file.digestsPlace else { continue }
          try Array(digests.utf8).withBytes { bytes throws(FileError) in
            try staged.write(bytes, file: number, at: place)
          }
        }
      }
      left = try staged.commit()
    } catch {
      // Whatever it is, nothing is lost of what the parts have made.
      guard !staged.isPlaced, staged.keep() else { throw error }
      throw error.with(
        message: "\(error.message); what the parts have made is kept, and assembling again goes on from there")
    }
    return left + removeRecords()
  }

  /// - Returns: what could not be removed.
  private func removeRecords(_ first: () throws(FileError) -> Void = {}) -> [FileError] {
    var left = FileErrors()
    left.attempt(first)
    return left.all
      + folder.remove(
        Dictionary(identities.map { (PartsFolder.recordName(of: $0), $1) }, uniquingKeysWith: { one, _ in one }))
  }
}
