internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Evaluation
internal import Tokenizers

/// How a model reads a text.
struct ReadingOptions: ParsableArguments {
  @Option(
    name: .customLong("context"), help: ArgumentHelp("Tokens of a window; 512 by default.", valueName: "n"))
  var givenContext: Int?

  var context: Int { givenContext ?? 512 }

  @Option(help: ArgumentHelp("Read only the first n windows of the text.", valueName: "n"))
  var chunks: Int?

  @Option(
    help: ArgumentHelp(
      "Tokenizer to use: a folder, a tokenizer file or a GGUF. The model's own by default.", valueName: "path"),
    completion: .file(), transform: InputPath.model)
  var tokenizer: String?

  func validate() throws {
    if context < 4 { throw ValidationError("--context must be at least 4.") }
    if let chunks, chunks < 1 { throw ValidationError("--chunks must be at least 1.") }
  }

  /// The text and the files of a tokenizer of its own.
  func inputPaths(with text: String) throws(FileError) -> [String] {
    [text] + (try tokenizer.map(ModelTokenizer.inputPaths) ?? [])
  }

  /// A text as a model reads it.
  struct ReadText {
    let path: String
    let text: [UInt8]
    let tokenizer: Tokenizer
    let tokens: [Int32]
    let windows: EvaluationWindows
  }

  /// - Parameter others: models that are to read the same tokens.
  func read(
    _ path: String, for checkpoint: Checkpoint, comparedWith others: [Checkpoint], _ cutting: PreTokenizerOptions
  ) throws -> ReadText {
    let read = try read(path, for: checkpoint, cutting)
    for other in others { try requireSame(read, checkpoint, other, cutting) }
    return read
  }

  /// - Parameters:
  ///   - skipped: windows at the beginning of the text that are left out.
  ///   - cutting: how the text is cut into words.
  func windows(
    of path: String, for checkpoint: Checkpoint, skipping skipped: Int = 0, _ cutting: PreTokenizerOptions
  ) throws -> EvaluationWindows {
    try read(path, for: checkpoint, skipping: skipped, cutting).windows
  }

  func read(
    _ path: String, for checkpoint: Checkpoint, skipping skipped: Int = 0, _ cutting: PreTokenizerOptions
  ) throws -> ReadText {
    // What the model lacks is told before its tokenizer is asked, and that it cannot be run before all.
    _ = try checkpoint.requireModel()
    try checkpoint.checkTensors()
    StatusLine.shared.begin("reading the tokenizer")
    let tokenizer =
      try self.tokenizer.map { path throws(FileError) in
        try ModelTokenizer.load(path, preTokenizer: cutting.preTokenizer)
      } ?? ModelTokenizer.load(of: checkpoint, preTokenizer: cutting.preTokenizer)
    StatusLine.shared.begin("reading \(path)")
    let text = try TextFile.utf8(of: path)
    StatusLine.shared.begin("splitting \(NumberText.bytes(text.count)) of text into tokens")
    let tokens = tokenizer.encode(utf8: text)
    try ModelVocabularies.requireRows(for: tokens, of: tokenizer, in: checkpoint)
    let (skippedTokens, isTooMany) = skipped.multipliedReportingOverflow(by: context)
    do {
      let windows = try EvaluationWindows(
        tokens: Array(tokens.dropFirst(isTooMany ? .max : skippedTokens)), contextLength: context,
        beginningOfSequence: tokenizer.addsBOS ? tokenizer.bosID : nil, limit: chunks)
      return ReadText(path: path, text: text, tokenizer: tokenizer, tokens: tokens, windows: windows)
    } catch {
      throw FileError(.mismatch, path: path, "\(error)")
    }
  }

  /// - Throws: `FileError` where another model reads the text as other tokens, unless one tokenizer, or one cut, is given
  ///   for both.
  func requireSame(
    _ read: ReadText, _ checkpoint: Checkpoint, _ other: Checkpoint, _ cutting: PreTokenizerOptions
  ) throws(FileError) {
    guard tokenizer == nil, cutting.preTokenizer == nil else { return }
    try ModelVocabularies.requireSame(checkpoint, other)
    try ModelVocabularies.requireSame(read.tokens, of: read.tokenizer, in: other, reading: read.text)
  }
}
