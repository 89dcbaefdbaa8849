public import Bytes
public import Conversion
public import Evaluation
public import Inference
public import Tokenizers

/// Measures on text that a calibration has held back what two encodings of a model have cost.
public struct CalibrationGate: Sendable {
  /// What an output does to the predictions of one kind of text.
  public struct Measure: Hashable, Sendable {
    public let text: String
    public let comparison: Comparison
  }

  private let kinds: [(text: String, windows: EvaluationWindows)]
  private let before: LoadedModel
  private let workers: Workers

  /// - Throws: `FileError` when the calibration has held nothing back, or the model cannot be run.
  public init(_ calibration: any Calibration, before: Checkpoint, workers: Workers) throws(FileError) {
    let kinds = try calibration.heldBack().filter { !$0.windows.isEmpty }
    guard !kinds.isEmpty else {
      throw FileError(
        .unsupported, path: calibration.path, "has held no text back, so that nothing can be measured by it")
    }
    try self.init(kinds, path: calibration.path, before: try LoadedModel(running: before), workers: workers)
  }

  /// Measures on the texts that ship with Decant, where there is no calibration.
  /// - Throws: `FileError` when the model cannot be run, or a text is too short for its tokenizer.
  public init(of before: LoadedModel, tokenizer: Tokenizer, workers: Workers) async throws {
    let texts = CalibrationText.usual.filter { $0.origin != .generated }
    let windows = try await CalibrationWindows(
      of: texts, tokens: texts.count * Self.windowsOfEach * Self.context, context: Self.context, seed: 0, model: before,
      tokenizer: tokenizer, workers: workers
    ) { _, _ in }
    try self.init(
      windows.kinds.map { ($0.name, $0.counted + $0.heldBack) }, path: before.name, before: before, workers: workers)
  }

  private static let context = 256
  private static let windowsOfEach = 4

  private init(
    _ kinds: [(name: String, windows: [[Int32]])], path: String, before: LoadedModel, workers: Workers
  ) throws(FileError) {
    let vocabulary = before.vocabularySize
    self.kinds = try kinds.map { kind throws(FileError) in
      if let token = kind.windows.joined().first(where: { !(0..<vocabulary ~= Int($0)) }) {
        throw FileError(
          .mismatch, path: path, subject: kind.name,
          "has the token \(token) in what it holds back, and \(FileError.quoted(before.name)) knows \(vocabulary); was it made with another model?"
        )
      }
      do throws(EvaluationError) {
        return (kind.name, try EvaluationWindows(kind.windows))
      } catch {
        throw FileError(.malformed, path: path, subject: kind.name, error.description)
      }
    }
    self.before = before
    self.workers = workers
  }

  /// Windows that are run.
  public var windowCount: Int { kinds.reduce(0) { $0 + $1.windows.windows.count } }

  /// - Parameter progress: is called with windows that are done.
  /// - Throws: what the models throw; `EvaluationError`; `CancellationError`.
  public func measure(_ path: String, progress: (_ windows: Int) -> Void = { _ in }) async throws -> [Measure] {
    let after = try LoadedModel(running: try Checkpoint(path: path))
    let evaluator = Evaluator(workers: workers)
    var measures: [Measure] = []
    var done = 0
    for kind in kinds {
      try Interruption.check(path)
      let comparison = try await evaluator.compare(before: before, after: after, over: kind.windows) {
        progress(done + $0.chunk)
      }
      done += kind.windows.windows.count
      measures.append(Measure(text: kind.text, comparison: comparison))
    }
    return measures
  }

  /// The mean divergence, each kind of text counting alike.
  public static func mean(_ measures: [Measure]) -> Double {
    measures.isEmpty ? 0 : measures.reduce(0) { $0 + $1.comparison.divergence.mean } / Double(measures.count)
  }
}
