internal import Bytes
internal import Conversion
internal import Evaluation

/// The measurement that `--verify` asks for: the output against the model it was made from.
struct Verification {
  let before: Checkpoint
  /// Path of the text.
  let text: String
  let measuring: MeasuringOptions

  /// What is read beside the models.
  var inputPaths: [String] {
    get throws(FileError) { try measuring.reading.inputPaths(with: text) }
  }

  /// The text as the model reads it. Asked for before anything is written, so that what is wrong with the text is said
  /// at once.
  func read() throws -> ReadingOptions.ReadText { try measuring.reading.read(text, for: before) }

  func comparison(
    with after: Checkpoint, over read: ReadingOptions.ReadText, workers: Int, _ talk: TalkOptions
  ) async throws -> ComparisonReport {
    try measuring.reading.requireSame(read, before, after)
    return try await measuring.comparison(before: before, after: after, over: read.windows, workers: workers, talk)
  }
}
