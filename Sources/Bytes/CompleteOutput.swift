/// An output that has its name, of a job that was stopped before all of its outputs had theirs: the same job need not make it
/// again. It is known by the journal that lies beside it until all of them are there.
public final class CompleteOutput: Sendable {
  private let journal: EarlierJournal
  private let places: OutputPlaces

  /// - Parameters:
  ///   - sources: what the output is made of now; nil for whatever it was made of.
  ///   - fingerprint: what identifies the job; nil for any.
  /// - Returns: nil where the output is not there, or of another job, or its sources have been changed, moved or linked since.
  /// - Throws: `FileError` when that cannot be told, or another run is writing there.
  public init?(
    _ kind: StagedOutput.Kind, in folder: String, files: [StagedOutput.File], sources: [InputFile]? = nil,
    fingerprint: String? = nil
  ) throws(FileError) {
    places = OutputPlaces(kind, folder, files)
    guard let left = try OutputJournal.Content.read(places.journalPath), try places.isComplete(left),
      let journal = try EarlierJournal(path: places.journalPath), fingerprint.map(journal.isOfJob) ?? true,
      sources.map({ $0.map(\.identity) == journal.content.sources }) ?? true, try places.isComplete(journal.content)
    else { return nil }
    self.journal = journal
    // What it has replaced was to go.
    for path in (places.stagingFolder.map { [$0] } ?? places.stagedPaths) + places.asidePaths {
      try OutputPlaces.remove(path) { journal.content.isReplaced($0) }
    }
  }

  /// Forgets what it is known by, when all outputs of the job are there.
  /// - Throws: `FileError` when the journal cannot be removed.
  public func conclude() throws(FileError) {
    try SystemCall.removeFile(places.journalPath, openAs: journal.descriptor)
  }
}
