public import Bytes
public import Conversion
public import Evaluation
internal import Inference

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
  public init(_ calibration: Calibration, before: Checkpoint, workers: Workers) throws(FileError) {
    var kinds: [(text: String, windows: EvaluationWindows)] = []
    for kind in try calibration.heldBack() where !kind.windows.isEmpty {
      do throws(EvaluationError) {
        kinds.append((kind.name, try EvaluationWindows(kind.windows)))
      } catch {
        throw FileError(.malformed, path: calibration.path, subject: kind.name, error.description)
      }
    }
    guard !kinds.isEmpty else {
      throw FileError(
        .unsupported, path: calibration.path, "has held no text back, so that nothing can be measured by it")
    }
    self.kinds = kinds
    self.before = try LoadedModel(running: before)
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
