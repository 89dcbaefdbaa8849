internal import Evaluation
internal import Quantization

/// How far a measurement is, with its figures so far.
final class MeasuringProgress {
  private let start = ContinuousClock.now
  private let record: MeasurementRecord?
  private let windows: Int
  /// Windows that an earlier run has done.
  private let windowsFound: Int

  private let lastWords: String

  /// - Parameter lastWords: what Ctrl-C is answered with where nothing is kept.
  init(_ talk: TalkOptions, windows: Int, record: MeasurementRecord?, lastWords: String? = nil) {
    self.record = record
    self.lastWords = lastWords ?? "interrupted; nothing of the measurement is kept"
    self.windows = windows
    windowsFound = record?.kept ?? 0
    if talk.verbose {
      Terminal.note("kernels: \(KernelSet.best)" + (KernelSet.handicap.map { " (\($0))" } ?? ""))
    }
    StatusLine.shared.begin("window \(min(windowsFound + 1, windows)) of \(windows)")
    sayWhatIsKept()
  }

  func show(_ progress: Evaluator.Progress) {
    var figures = "perplexity \(NumberText.fixed(progress.perplexity, 4))  "
    if let divergence = progress.divergence { figures += "KL \(NumberText.significant(divergence, 3))  " }
    show(window: progress.chunk, figures)
  }

  func show(window: Int, _ figures: String = "") {
    let seconds = (ContinuousClock.now - start).seconds
    let left = seconds / Double(max(window - windowsFound, 1)) * Double(windows - window)
    StatusLine.shared.show("window \(window) of \(windows)  \(figures)", secondsLeft: left)
    sayWhatIsKept()
  }

  func end() {
    StatusLine.shared.end()
    StatusLine.shared.sayLast("")
  }

  /// Ctrl-C is answered with what becomes of the work.
  private func sayWhatIsKept() {
    guard let record else {
      return StatusLine.shared.sayLast("decant: \(lastWords)\n")
    }
    StatusLine.shared.sayLast(
      record.kept == 0
        ? "decant: interrupted before the first windows were done; nothing is kept\n"
        : "decant: interrupted; \(record.kept) of \(windows) windows are kept, the same command goes on from there\n")
  }
}
