internal import ArgumentParser
internal import Conversion

/// What a calibration reads, and what it collects.
struct CalibratingOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Texts to read, each of another kind; of every one as much.", valueName: "file ..."),
    completion: .file(), transform: InputPath.file)
  var text: [String] = []

  @Option(help: ArgumentHelp("Tokens to read in all.", valueName: "n"))
  var tokens = CalibrationJob.Request().tokens

  @Option(help: ArgumentHelp("Tokens of a window.", valueName: "n"))
  var context = CalibrationJob.Request().context

  @Flag(
    inversion: .prefixedNo,
    help: "Collect gradients too. Without, it is made in a third of the time, and mostly gains less.")
  var fisher = true

  @Option(help: ArgumentHelp("Of what is drawn by chance: the model's own text, and labels.", valueName: "n"))
  var seed: UInt32 = 0

  @Flag(
    help:
      "Keep sums whole, so that calibrations of other texts can be added with --merge. The file is up to twice as large."
  )
  var mergeable = false

  /// More text than any model gains by.
  private static let mostTokens = 1 << 27

  func validate() throws {
    if context > CalibrationSettings.longestContext {
      throw ValidationError("--context can be \(CalibrationSettings.longestContext) at most.")
    }
    if tokens > Self.mostTokens { throw ValidationError("--tokens can be \(Self.mostTokens) at most.") }
    if context < 16 { throw ValidationError("--context must be at least 16.") }
    if tokens < 2 * context { throw ValidationError("--tokens must be at least two windows: \(2 * context).") }
  }

  /// An option that was given and is not what it is by itself; nil for none.
  var given: String? {
    let usual = CalibrationJob.Request()
    return [
      ("--text", !text.isEmpty), ("--tokens", tokens != usual.tokens), ("--context", context != usual.context),
      ("--no-fisher", fisher != usual.fisher), ("--seed", seed != usual.seed), ("--mergeable", mergeable),
    ].first(where: \.1)?.0
  }

  var request: CalibrationJob.Request {
    CalibrationJob.Request(
      text: text, tokens: tokens, context: context, fisher: fisher, seed: seed, mergeable: mergeable)
  }
}
