internal import Architectures
public import Bytes
internal import Digests
internal import Tensors

/// The part of a plan that one of several machines carries out: some of its files whole, which ones is a function of the plan
/// and the part alone. What every machine writes lies in a `PartsFolder` until an `Assembly` gives it the output's name.
public struct PlanPart: Sendable {
  public let part: Part
  /// The files and weights of this part alone.
  public let plan: Plan
  /// Where it is written.
  public let folder: PartsFolder
  let whole: Plan
  /// Numbers of its files, by the whole plan.
  let fileNumbers: [Int]

  /// - Parameter whole: the plan of all files.
  public init(_ part: Part, of whole: Plan) {
    self.part = part
    self.whole = whole
    folder = PartsFolder(of: whole.destination.path)
    // By the file of its first plane.
    var costs = whole.files.map { _ in 0.0 }
    for tensor in whole.tensors {
      guard let first = tensor.planes.first, let place = whole.places[first.descriptor.name] else { continue }
      costs[place.file] += tensor.pouringCost
    }
    let runs = CostRuns(costs, count: part.count).runs
    let own = part.number <= runs.count ? runs[part.number - 1] : 0..<0
    let files = Array(whole.files[own])
    // What is small goes with the first, wherever its weights are.
    let sidecars = part.number == 1 ? whole.sidecars : []
    fileNumbers = Array(own) + sidecars.indices.map { whole.files.count + $0 }
    plan = Plan(
      whole,
      tensors: whole.tensors.filter { tensor in
        tensor.planes.contains { plane in whole.places[plane.descriptor.name].map { own.contains($0.file) } ?? false }
      }, files: files, sidecars: sidecars)
  }

  /// Files of the whole output.
  var fileCount: Int { whole.files.count + whole.sidecars.count }

  /// Looks at where the part is written.
  /// - Throws: `FileError` when there is no folder to hold it, nothing may be written there, or the disk has too little
  ///   space.
  public func checkRoom(besides: Int = 0) throws(FileError) {
    guard try FileSystem.isFolder(folder.path) else {
      guard try !FileSystem.isTaken(folder.path) else { throw folder.inTheWay }
      // It will lie there.
      return try StagedOutput.check(.files, in: FileSystem.parent(folder.path), files: stagedFiles, besides: besides)
    }
    try StagedOutput.check(.files, in: folder.path, files: stagedFiles, besides: besides)
  }

  /// What is written: the record first, which so gets its name last.
  var stagedFiles: [StagedOutput.File] {
    [StagedOutput.File(name: PartsFolder.recordName(of: part), byteCount: nil)]
      + zip(fileNumbers, plan.stagedFiles).map {
        StagedOutput.File(name: Self.stored($1.name, $0), byteCount: $1.byteCount)
      }
  }

  /// The name of a file among the parts: its own, where it lies in no folder below.
  private static func stored(_ name: String, _ number: Int) -> String {
    name.utf8.contains(UInt8(ascii: "/")) ? "file-\(number)" : name
  }

  /// Whether the part is there already, whole and of the same plan.
  /// - Throws: `FileError` when it is there of another plan and must not be replaced, or its files are not those of its record.
  func isComplete(_ fingerprint: String) throws(FileError) -> Bool {
    let path = folder.path(of: PartsFolder.recordName(of: part))
    guard try FileSystem.exists(path), !plan.destination.replacesExisting else {
      try refuseOthers(than: fingerprint)
      return false
    }
    let record = try PartRecord(path: path)
    let job = whole.job(fingerprint, partCount: part.count)
    guard record.job == job, record.part == part else {
      throw FileError(
        .exists, path: path, "is there already, of another job: \(record.job.difference(from: job))",
        remedy: .replaceExisting)
    }
    var isSame = record.read == readFiles
    if !isSame { isSame = try isMadeOfTheSame(record) }
    guard isSame else {
      throw FileError(
        .exists, path: path,
        "is there already, of other files than these or of these before they were changed, moved or linked, and nothing shows "
          + "that its weights would be the same", remedy: .replaceExisting)
    }
    for (file, staged) in zip(record.files, stagedFiles.dropFirst()) {
      let path = folder.path(of: staged.name)
      if try FileSystem.byteCount(path) == file.byteCount, try file.hasBeginning(try InputFile(path: path)) { continue }
      throw FileError(
        .missing, path: path,
        "is not there as part \(part) has written it; if it was being assembled, go on with that, or else make the part again",
        remedy: .makePartAgain)
    }
    // Of a run that was stopped at its very end.
    try StagedOutput.removeSpent(.files, in: folder.path, files: stagedFiles)
    return true
  }

  /// Of what tells the files that are read from others, and from themselves after a change, as `InputFile.identity`.
  private var readFiles: FastDigest {
    FastDigest(of: plan.sources.flatMap(\.inputFiles).map(\.identity).joined(separator: "\n"))
  }

  /// Whether the part was made of the bytes that its sources have now, by the digests in its record; they are read again.
  private func isMadeOfTheSame(_ record: PartRecord) throws(FileError) -> Bool {
    let answeredFor = try answeredFor()
    guard !record.sources.isEmpty, record.sources.count == answeredFor.count else { return false }
    let digests = SourceDigests(of: plan.sources)
    for (input, (known, tensors)) in zip(record.sources, answeredFor).enumerated() {
      let now = try digests.digests(of: tensors.map { TensorReference($0.name, input: input) })
      guard known.tensors.map(\.name) == tensors.map(\.name), known.tensors.map(\.digest) == now else { return false }
    }
    return true
  }

  /// - Throws: `FileError` where another part is there that does not belong with this one.
  private func refuseOthers(than fingerprint: String) throws(FileError) {
    guard !plan.destination.replacesExisting, let name = try folder.recordNames()?.first else { return }
    let record = try PartRecord(path: folder.path(of: name))
    let job = whole.job(fingerprint, partCount: part.count)
    guard record.job != job else { return }
    throw FileError(
      .exists, path: folder.path,
      "holds part \(record.part) of another job: \(record.job.difference(from: job)); give the options that it was made "
        + "with, or name another output")
  }

  /// What it says of itself.
  /// - Parameter sources: the tensors of each source that it answers for.
  func record(_ fingerprint: String, _ sources: [PartRecord.Source]) throws(FileError) -> PartRecord {
    let heads = plan.files.map(\.header) + plan.sidecars.map(\.bytes)
    var files: [PartRecord.File] = []
    for ((number, file), head) in zip(zip(fileNumbers, plan.stagedFiles), heads) {
      files.append(
        PartRecord.File(
          number: number, name: file.name, stored: Self.stored(file.name, number),
          byteCount: file.byteCount ?? head.count,
          headByteCount: head.count, headDigest: head.withBytes { FastDigest(of: $0) },
          digestsPlace: number < whole.files.count
            ? try whole.provenance?.place(in: head, path: plan.destination.path) : nil))
    }
    return PartRecord(
      of: part, job: whole.job(fingerprint, partCount: part.count), read: readFiles, destination: plan.destination,
      fileCount: fileCount, files: files, sources: sources)
  }
}

extension PartsFolder {
  var inTheWay: FileError {
    FileError(.exists, path: path, "is no folder, and parts of the output are put into one of that name; move it away")
  }
}
