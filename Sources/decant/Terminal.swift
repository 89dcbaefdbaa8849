internal import Bytes
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Standard output and standard error. Results go to the first, everything said along the way to the second.
enum Terminal {
  /// Prints a failure as one line and ends the process with exit code 1.
  static func fail(_ message: String) -> Never {
    note("decant: " + message.replacing("\n", with: " "))
    exit(1)
  }

  /// A line on standard error.
  static func note(_ line: String) {
    writeToError(line + "\n")
  }

  /// Text on standard error as it is.
  static func writeToError(_ text: String) {
    let bytes = Array(text.utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
  }

  /// Whether a person is reading standard error.
  static var errorIsTerminal: Bool { isatty(2) == 1 }
}
