internal import Evaluation
internal import Quantization

/// How far a measurement is, with its figures so far.
final class MeasuringProgress {
  private let start = ContinuousClock.now

  init(_ talk: TalkOptions, windows: Int) {
    if talk.verbose {
      Terminal.note("kernels: \(KernelSet.best)" + (KernelSet.handicap.map { " (\($0))" } ?? ""))
    }
    StatusLine.shared.begin("window 1 of \(windows)")
  }

  func show(_ progress: Evaluator.Progress) {
    var figures = "perplexity \(NumberText.fixed(progress.perplexity, 4))  "
    if let divergence = progress.divergence { figures += "KL \(NumberText.significant(divergence, 3))  " }
    show(window: progress.chunk, of: progress.chunks, figures)
  }

  func show(window: Int, of windows: Int, _ figures: String = "") {
    let seconds = (ContinuousClock.now - start).seconds
    let left = seconds / Double(window) * Double(windows - window)
    StatusLine.shared.show("window \(window) of \(windows)  \(figures)\(DurationText.of(left)) left")
  }

  func end() { StatusLine.shared.end() }
}
