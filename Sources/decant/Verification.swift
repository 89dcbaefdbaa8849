internal import Bytes
internal import Conversion
internal import Evaluation
internal import Inference

/// The measurement that `--verify` asks for: the output against the model it was made from.
struct Verification {
  let before: Checkpoint
  /// Path of the text.
  let text: String
  let measuring: MeasuringOptions
  let cutting: PreTokenizerOptions
  /// Whether the page of `--report` may replace a file.
  let replacing: Bool

  /// What is read beside the models.
  var inputPaths: [String] {
    get throws(FileError) { try measuring.reading.inputPaths(with: text) }
  }

  /// The file of the page that is asked for.
  /// - Throws: `FileError` where it cannot be written beside the output.
  func page(besides output: Destination) throws(FileError) -> FileOutput? {
    let page = try measuring.forms.page(reading: try before.inputPaths + inputPaths, replacing: replacing)
    if let page { try output.refuse(besides: page.path) }
    return page
  }

  /// The text as the model reads it. Asked for before anything is written, so that what is wrong with the text is said
  /// at once.
  /// - Throws: when the text cannot be read as tokens, or the models cannot be run side by side in the memory that there is.
  func read(workers: Int) throws -> ReadingOptions.ReadText {
    let read = try measuring.reading.read(text, for: before, cutting)
    let model = try LoadedModel(running: before)
    _ = try measuring.memory.evaluator(of: [model, model], over: read.windows, workers: workers, path: before.path)
    return read
  }

  /// What is said when the process is stopped before outputs were measured, with the command that measures them.
  /// - Parameter unmeasured: paths of these outputs, one at least.
  func interrupted(_ unmeasured: [String]) -> FileError {
    let isOne = unmeasured.count == 1
    var words = ["decant", "compare", before.path] + unmeasured + ["--text", text]
    if let context = measuring.reading.givenContext { words += ["--context", "\(context)"] }
    if let chunks = measuring.reading.chunks { words += ["--chunks", "\(chunks)"] }
    if let tokenizer = measuring.reading.tokenizer { words += ["--tokenizer", tokenizer] }
    if let page = measuring.forms.report { words += ["--report", page] }
    return FileError(
      .interrupted, path: unmeasured.joined(separator: ", "),
      "interrupted; the \(isOne ? "output is" : "outputs are") complete, but \(isOne ? "was" : "were") not measured; that does: "
        + words.map(ShellWord.quoted).joined(separator: " "))
  }

  func comparison(
    with after: Checkpoint, over read: ReadingOptions.ReadText, workers: Int,
    lastWords: String, _ talk: TalkOptions
  ) async throws -> ComparisonReport {
    try measuring.reading.requireSame(read, before, after, cutting)
    return try await measuring.comparison(
      before: before, after: after, over: read, workers: workers, lastWords: lastWords, talk)
  }
}
