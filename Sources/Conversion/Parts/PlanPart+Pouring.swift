internal import Architectures
public import Bytes
internal import Digests
internal import Tensors

extension PlanPart {
  /// Carries out parts of plans of one model together, as `Plan.pour` does whole ones. A part that is there already, of the same
  /// plan, is not made again.
  /// - Parameter onEvent: is told of which part something is, by its number.
  /// - Returns: a report of each.
  public static func pour(
    _ parts: [PlanPart], workers: Int = FileSystem.processorCount(), isResuming: Bool = true,
    onEvent: @escaping @Sendable (_ part: Int, PourEvent) -> Void = { _, _ in }
  ) async throws(FileError) -> [PourReport] {
    try await Pour.carryOut(parts, workers: workers, isResuming: isResuming, onEvent: onEvent)
  }

  /// The stored tensors of each source that this part answers for: those that it reads, and its share of those that no weight
  /// needs, of which the digests of the whole model speak too.
  func answeredFor() throws(FileError) -> [[TensorDescriptor]] {
    func needed(_ tensors: [PlannedTensor]) throws(FileError) -> Set<TensorReference> {
      var needed: Set<TensorReference> = []
      for tensor in tensors { needed.formUnion(try tensor.rows.storedTensors()) }
      return needed
    }
    let (own, all) = (try needed(plan.tensors), try needed(whole.tensors))
    return plan.sources.enumerated().map { input, source in
      let unneeded = source.tensors.filter { !all.contains(TensorReference($0.name, input: input)) }
      return source.tensors.filter { own.contains(TensorReference($0.name, input: input)) }
        + unneeded[part.share(of: unneeded.count)]
    }
  }
}

extension PlanPart: PouredOutput {
  var kind: StagedOutput.Kind { .files }
  var folderPath: String { folder.path }
  var name: String { "part \(part) of \(whole.destination.path)" }

  func jobFingerprint(of sources: FastDigest) -> String { whole.fingerprint(of: sources) }

  func prepare(_ fingerprint: String, isResuming: Bool) throws(FileError) -> Bool {
    // What an assembly has taken already would not be replaced by this part.
    _ = try whole.prepare(fingerprint, isResuming: isResuming)
    try folder.make()
    return try isComplete(fingerprint)
  }

  func contentsToReplace() -> FolderContents? { nil }

  func target(_ staged: StagedOutput) -> any PourTarget { PartTarget(staged) }

  func finish(
    _ number: Int, of pour: Pour, _ staged: StagedOutput, _ fingerprint: String
  ) throws(FileError) -> PourReport {
    let report = try pour.finish(part: self, number)
    var sources: [PartRecord.Source] = []
    if plan.provenance != nil {
      for (source, tensors) in zip(plan.sources, try pour.digests(number, of: try answeredFor())) {
        sources.append(PartRecord.Source(tensorCount: source.tensors.count, tensors: tensors))
      }
    }
    let bytes = try record(fingerprint, sources).bytes(path: folder.path(of: PartsFolder.recordName(of: part)))
    // A run that was stopped may have left a longer one.
    try staged.setLength(ofFile: 0, to: bytes.count)
    try bytes.withBytes { span throws(FileError) in try staged.write(span, file: 0, at: 0) }
    return report
  }
}

/// The files of a part, behind its record.
private struct PartTarget: PourTarget {
  private let staged: StagedOutput

  init(_ staged: StagedOutput) { self.staged = staged }

  var finishedItems: [Int: String] { staged.finishedItems }

  func write(_ bytes: RawSpan, file: Int, at offset: Int) throws(FileError) {
    try staged.write(bytes, file: file + 1, at: offset)
  }

  func finish(item: Int, note: String) throws(FileError) { try staged.finish(item: item, note: note) }
}
