internal import Bytes
internal import Synchronization

/// What is being done now, on the last line of a terminal. It is drawn again a few times a second, so that a person sees
/// that the program is alive, and it is gone before anything else is printed.
final class StatusLine: Sendable {
  static let shared = StatusLine()

  private struct State {
    var isOn = false
    var text = ""
    /// Since when; nil for a text that says for itself how long it takes.
    var start: ContinuousClock.Instant?
    var isDrawn = false
  }

  private let state = Mutex(State())

  /// Begins to show what `show` says, if a person is there to read it.
  func turnOn() {
    guard StandardError.isTerminal else { return }
    state.withLock { $0.isOn = true }
    Task.detached {
      while !Task.isCancelled {
        try? await Task.sleep(for: .milliseconds(250))
        self.draw()
      }
    }
  }

  /// Says what begins now. How long it has taken is put behind it.
  func begin(_ text: String) {
    state.withLock {
      $0.text = text.printable
      $0.start = ContinuousClock.now
    }
    draw()
  }

  /// Says how far it is.
  func show(_ text: String) {
    state.withLock {
      $0.text = text.printable
      $0.start = nil
    }
    draw()
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
      if let start = state.start {
        let seconds = (ContinuousClock.now - start).seconds
        line += seconds < 1 ? " ..." : " ... " + DurationText.of(seconds)
      }
      // A line that is broken could not be removed.
      let columns = StandardError.columns ?? 80
      if line.count >= columns { line = String(line.prefix(max(columns - 2, 1))) + "…" }
      state.isDrawn = true
      StandardError.write("\r\u{1B}[K" + line)
    }
  }
}
