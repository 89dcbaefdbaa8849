/// The journal that an earlier run has left beside its partial output, locked against other runs for as long as this is
/// alive.
final class EarlierJournal: Sendable {
  let descriptor: Int32
  let content: OutputJournal.Content
  /// Whether it has no other name, by which it would be somebody's who would find it changed.
  private let isOnlyName: Bool

  /// - Returns: nil where there is none.
  /// - Throws: `FileError` with the code `exists` while another run has it locked, or when something else has its name;
  ///   and when it cannot be read.
  init?(path: String) throws(FileError) {
    guard let left = try SystemCall.openLeftFile(path) else { return nil }
    descriptor = left.descriptor
    isOnlyName = left.status.linkCount == 1
    do throws(FileError) {
      try OutputPlaces.requireOwner(path, left.status)
      content = try OutputJournal.Content(left.descriptor, left.status, path: path)
    } catch {
      SystemCall.close(left.descriptor)
      throw error
    }
  }

  deinit { SystemCall.close(descriptor) }

  /// Whether it is of a job that may go on with it.
  func isOfJob(_ fingerprint: String) -> Bool { isOnlyName && content.header?.fingerprint == fingerprint }
}
