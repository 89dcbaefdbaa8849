internal import Bytes
internal import Digests
internal import Tensors

/// What has an output of its own in a pour: a plan, or the part of one that a machine does.
protocol PouredOutput: Sendable {
  /// The weights and files that are written.
  var plan: Plan { get }
  var kind: StagedOutput.Kind { get }
  /// Where the files go.
  var folderPath: String { get }
  /// What messages call it.
  var name: String { get }
  var stagedFiles: [StagedOutput.File] { get }

  /// What tells the job from every other.
  /// - Parameter sources: `Plan.sourceFingerprint()`.
  func jobFingerprint(of sources: FastDigest) -> String

  /// Gets the place ready where the output is written.
  /// - Returns: whether there is nothing to do, because the output is there already.
  func prepare(_ fingerprint: String, isResuming: Bool) throws(FileError) -> Bool

  /// What a folder that is replaced holds; nil where none is.
  func contentsToReplace() throws(FileError) -> FolderContents?

  /// What the weights are written into.
  func target(_ staged: StagedOutput) -> any PourTarget

  /// Writes what stands before and beside the weights, all of which are there.
  /// - Parameter number: of the plan in the pour.
  func finish(_ number: Int, of pour: Pour, _ staged: StagedOutput, _ fingerprint: String) throws(FileError)
    -> PourReport
}

extension PouredOutput {
  /// Opens the output, or what an earlier run has left of it.
  func staged(
    _ fingerprint: String, isResuming: Bool, onEvent: (PourEvent) -> Void
  ) throws(FileError) -> StagedOutput {
    let staged = try StagedOutput(
      kind, in: folderPath, files: stagedFiles, sources: plan.sources.flatMap(\.inputFiles), reading: plan.inputPaths,
      replacing: plan.destination.replacesExisting, contents: try contentsToReplace(), fingerprint: fingerprint,
      isResuming: isResuming
    ) { item, note throws(FileError) in try plan.isMadeOfTheSame(item, note) }
    if staged.replacesOtherJob { onEvent(.replacedOtherJob) }
    if staged.discardedItemCount > 0 { onEvent(.discarded(tensorCount: staged.discardedItemCount)) }
    return staged
  }
}

extension Plan: PouredOutput {
  var plan: Plan { self }
  var kind: StagedOutput.Kind { destination.isFile ? .files : .folder }
  var folderPath: String { destination.folder }
  var name: String { outputPath }

  func jobFingerprint(of sources: FastDigest) -> String { fingerprint(of: sources) }

  /// - Throws: `FileError` where an assembly of parts was stopped, whose files another job would take for its own left ones.
  func prepare(_ fingerprint: String, isResuming: Bool) throws(FileError) -> Bool {
    let left = try StagedOutput.jobLeft(kind, in: folderPath, files: stagedFiles)
    guard let left, Assembly.isJob(left) else { return false }
    throw FileError(
      .exists, path: destination.path,
      "is being put together from parts, or was when that was stopped; wait for it, or assemble it")
  }

  func contentsToReplace() throws(FileError) -> FolderContents? { try destination.contentsToReplace() }

  func target(_ staged: StagedOutput) -> any PourTarget { staged }

  func finish(
    _ number: Int, of pour: Pour, _ staged: StagedOutput, _ fingerprint: String
  ) throws(FileError) -> PourReport {
    try pour.finish(number, as: self)
  }
}
