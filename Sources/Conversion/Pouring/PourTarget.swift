internal import Bytes

/// What a pour writes into: files that are being made, or files that are there and are compared.
///
/// Safe to call from several tasks at once.
protocol PourTarget: Sendable {
  /// Notes of the tensors, by number, that need not be poured again.
  var finishedItems: [Int: String] { get }

  /// Takes bytes of file number `file`, whose place begins at `offset`.
  func write(_ bytes: RawSpan, file: Int, at offset: Int) throws(FileError)

  /// Takes note that everything of a tensor has been written.
  func finish(item: Int, note: String) throws(FileError)
}

extension StagedOutput: PourTarget {}
