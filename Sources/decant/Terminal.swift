internal import Bytes

/// What is said along the way, on standard error; results go to standard output.
enum Terminal {
  /// Prints a failure as one line and ends the process.
  static func fail(_ message: String, code: Int32 = 1) -> Never {
    note("decant: " + line(message))
    StandardError.end(code: code)
  }

  /// Failures that are told before the rest is only counted.
  private static let mostFailures = 20

  /// Prints everything that was found, a line each, and ends the process with exit code 1.
  static func fail(_ failure: FileError) -> Never {
    let all = [failure] + failure.others
    let told = FileErrors.telling(all, atMost: mostFailures)
    for other in told.dropLast() { note("decant: " + line(other.description)) }
    if all.count > told.count { note("decant: and \(all.count - told.count) more of these kinds") }
    fail(told.last?.description ?? failure.description)
  }

  private static func line(_ message: String) -> String { message.replacing("\n", with: " ") }

  /// A line on standard error.
  static func note(_ line: String) {
    writeToError(line.printable + "\n")
  }

  /// Text on standard error as it is.
  static func writeToError(_ text: String) { StandardError.write(text) }

  /// Whether a person is reading standard error.
  static var errorIsTerminal: Bool { StandardError.isTerminal }
}
