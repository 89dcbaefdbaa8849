internal import ArgumentParser
internal import Bytes
internal import Evaluation
internal import Inference

/// What running a model may take.
struct MemoryOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Memory that running a model may take, as 4GB; half of what is free by default. With less, fewer windows are run "
        + "together, and the numbers stay the same; where one is too many, the model is not run.",
      valueName: "size"))
  var memory: ByteSize?

  /// - Parameter path: of the model that an error names.
  /// - Throws: `FileError` when not even one window at a time fits.
  func evaluator(
    of models: [LoadedModel], over windows: EvaluationWindows, workers: Int, path: String
  ) throws(FileError) -> Evaluator {
    let allowed = memory?.bytes ?? FileSystem.availableMemory().map { $0 / 2 } ?? .max
    do throws(EvaluationError) {
      return try Evaluator(running: models, over: windows, workers: Workers(count: workers), memory: allowed)
    } catch {
      throw FileError(.unsupported, path: path, error.description, remedy: .allowMemory)
    }
  }
}
