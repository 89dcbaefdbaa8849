internal import Conversion
internal import Evaluation
internal import Synchronization

/// How far a job is: share, rate and time left; or a line for every tensor.
final class Progress: Sendable {
  private struct State {
    var elements = 0
    var lastShown: ContinuousClock.Instant
  }

  private let totalElements: Int
  private let talk: TalkOptions
  private let start = ContinuousClock.now
  private let state: Mutex<State>

  init(totalElements: Int, _ talk: TalkOptions) {
    self.totalElements = totalElements
    self.talk = talk
    state = Mutex(State(lastShown: ContinuousClock.now))
    StatusLine.shared.begin("reading the first weights")
  }

  /// - Parameter output: of several, the one that it is about.
  func show(_ event: PourEvent, of output: String? = nil) {
    switch event {
    case .finished(let tensor):
      guard talk.verbose else { return }
      let shape = tensor.shape.map(String.init).joined(separator: " x ")
      Terminal.note(
        "\(tensor.name)  [\(shape)]  \(tensor.sourceType) -> \(tensor.targetType)  \(NumberText.bytes(tensor.byteCount))"
      )
    case .resumed(let tensorCount):
      guard !talk.quiet else { return }
      Terminal.note(
        "\(output.map { "\($0): " } ?? "")going on with an earlier run of this command: \(tensorCount) "
          + "\(tensorCount == 1 ? "tensor is" : "tensors are") done already; --no-resume starts over"
      )
    case .replacedOtherJob: Terminal.tellOtherJob(talk)
    case .discarded(let tensorCount):
      Terminal.tellDiscarded("\(tensorCount) tensors that an earlier run has completed", talk)
    case .isThere(let name):
      if !talk.quiet { Terminal.note("\(name) is there already, complete, from an earlier run of this command") }
    case .advanced(let elements):
      let isLast = state.withLock { state -> Bool? in
        state.elements += elements
        let now = ContinuousClock.now
        guard state.elements < totalElements else { return true }
        guard now - state.lastShown > .milliseconds(100) else { return nil }
        state.lastShown = now
        StatusLine.shared.show(Self.line(state.elements, of: totalElements, seconds: (now - start).seconds))
        return false
      }
      if isLast == true { StatusLine.shared.begin("bringing everything to disk") }
    }
  }

  /// Removes the line.
  func end() { StatusLine.shared.end() }

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
