internal import Bytes
internal import Synchronization

/// What is being done now, on the last line of a terminal. It is drawn again a few times a second, so that a person sees
/// that the program is alive, and it is gone before anything else is printed.
final class StatusLine: Sendable {
  static let shared = StatusLine()

  private struct State {
    var isOn = false
    var text = ""
    /// Since when.
    var start = ContinuousClock.now
    /// How long it took from then on; nil where that is not known, or the text says it.
    var secondsLeft: Double?
    var tellsTime = false
    var isDrawn = false
    /// What is said at the end of every line; nothing where it is empty.
    var ending: @Sendable () -> String = { "" }
  }

  private let state = Mutex(State())

  /// Begins to show what `show` says, if a person is there to read it.
  func turnOn() {
    guard StandardError.isTerminal else { return }
    state.withLock { $0.isOn = true }
    sayLast("")
    Task.detached {
      while !Task.isCancelled {
        try? await Task.sleep(for: .milliseconds(250))
        self.draw()
      }
    }
  }

  /// Has every line end with what `ending` says at that time.
  func end(with ending: @escaping @Sendable () -> String) { state.withLock { $0.ending = ending } }

  /// Says what begins now. How long it has taken is put behind it.
  func begin(_ text: String) { show(text, secondsLeft: nil, tellsTime: true) }

  /// Says how far it is.
  /// - Parameter secondsLeft: how long it will take, which is counted down behind the text.
  func show(_ text: String, secondsLeft: Double? = nil) { show(text, secondsLeft: secondsLeft, tellsTime: false) }

  private func show(_ text: String, secondsLeft: Double?, tellsTime: Bool) {
    state.withLock {
      $0.text = text.printable
      $0.start = ContinuousClock.now
      $0.secondsLeft = secondsLeft
      $0.tellsTime = tellsTime
    }
    draw()
  }

  /// What Ctrl-C is answered with while nothing is written, after the line is gone.
  func sayLast(_ words: String) {
    let removal = state.withLock { $0.isOn } ? "\r\u{1B}[K" : ""
    Interruption.sayLast(removal + words)
  }

  /// Removes the line for good.
  func end() {
    state.withLock { $0.text = "" }
    clear()
  }

  /// Removes the line for something else that is printed.
  func clear() {
    state.withLock { state in
      guard state.isDrawn else { return }
      state.isDrawn = false
      StandardError.write("\r\u{1B}[K")
    }
  }

  private func draw() {
    state.withLock { state in
      guard state.isOn, !state.text.isEmpty else { return }
      var line = state.text
      let seconds = (ContinuousClock.now - state.start).seconds
      if let left = state.secondsLeft { line += "\(DurationText.of(max(left - seconds, 0))) left" }
      if state.tellsTime { line += seconds < 1 ? " ..." : " ... " + DurationText.of(seconds) }
      line += state.ending()
      // A line that is broken could not be removed.
      let columns = StandardError.columns ?? 80
      if line.count >= columns { line = String(line.prefix(max(columns - 2, 1))) + "…" }
      state.isDrawn = true
      StandardError.write("\r\u{1B}[K" + line)
    }
  }
}
