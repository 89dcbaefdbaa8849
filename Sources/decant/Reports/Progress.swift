internal import Conversion
internal import Evaluation
internal import Synchronization

/// One line on standard error that tells how far a job is: share, rate and time left; or a line for every tensor.
final class Progress: Sendable {
  private struct State {
    var elements = 0
    var lastShown: ContinuousClock.Instant
    var isShown = false
  }

  private let totalElements: Int
  private let isBar: Bool
  private let isQuiet: Bool
  private let isVerbose: Bool
  private let start = ContinuousClock.now
  private let state: Mutex<State>

  init(totalElements: Int, _ talk: TalkOptions) {
    self.totalElements = totalElements
    isBar = !talk.quiet && !talk.verbose && Terminal.errorIsTerminal
    isVerbose = talk.verbose
    isQuiet = talk.quiet
    state = Mutex(State(lastShown: ContinuousClock.now))
  }

  func show(_ event: PourEvent) {
    switch event {
    case .finished(let tensor):
      guard isVerbose else { return }
      let shape = tensor.shape.map(String.init).joined(separator: " x ")
      Terminal.note(
        "\(tensor.name)  [\(shape)]  \(tensor.sourceType) -> \(tensor.targetType)  \(NumberText.bytes(tensor.byteCount))"
      )
    case .resumed(let tensorCount):
      guard !isQuiet else { return }
      Terminal.note(
        "going on with an earlier run of this command: \(tensorCount) tensors are there; --no-resume starts over")
    case .advanced(let elements):
      guard isBar else { return }
      let line = state.withLock { state -> String? in
        state.elements += elements
        let now = ContinuousClock.now
        guard now - state.lastShown > .milliseconds(100), state.elements < totalElements else { return nil }
        state.lastShown = now
        state.isShown = true
        return Self.line(state.elements, of: totalElements, seconds: (now - start).seconds)
      }
      if let line { Terminal.writeToError("\r\u{1B}[K" + line) }
    }
  }

  /// Removes the line.
  func end() {
    if state.withLock({ $0.isShown }) { Terminal.writeToError("\r\u{1B}[K") }
  }

  private static func line(_ elements: Int, of total: Int, seconds: Double) -> String {
    let share = Double(elements) / Double(max(total, 1))
    let rate = Double(elements) / max(seconds, 1e-3)
    let left = Double(total - elements) / max(rate, 1)
    let filled = Int(share * 30)
    let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 30 - filled)
    return "\(bar) \(Int(share * 100)) %  \(NumberText.fixed(rate / 1e6, 0)) M weights/s  "
      + "\(DurationText.of(left)) left"
  }
}
