internal import Bytes

/// What is said along the way, on standard error; results go to standard output.
enum Terminal {
  /// Prints a failure as one line and ends the process.
  static func fail(_ message: String, code: Int32 = 1) -> Never {
    note("decant: " + message.replacing("\n", with: " "))
    StandardError.end(code: code)
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
