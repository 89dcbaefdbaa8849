internal import Bytes

/// What is said along the way, on standard error; results go to standard output.
enum Terminal {
  /// Prints a failure as one line and ends the process with exit code 1.
  static func fail(_ message: String) -> Never {
    note("decant: " + message.replacing("\n", with: " "))
    StandardError.end(code: 1)
  }

  /// A line on standard error.
  static func note(_ line: String) {
    writeToError(line + "\n")
  }

  /// Text on standard error as it is.
  static func writeToError(_ text: String) { StandardError.write(text) }

  /// Whether a person is reading standard error.
  static var errorIsTerminal: Bool { StandardError.isTerminal }
}
