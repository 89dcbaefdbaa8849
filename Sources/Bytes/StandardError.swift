/// The stream for everything said along the way, and the end of the process.
public enum StandardError {
  /// Whether a person is reading it.
  public static var isTerminal: Bool { SystemCall.isTerminal(2) }

  /// Characters that a line of it holds; nil where it is not a terminal.
  public static var columns: Int? { SystemCall.terminalColumns(2) }

  /// Writes text as it is. A closed stream is nobody's concern here.
  public static func write(_ text: String) {
    Array(text.utf8).withBytes { try? SystemCall.writeToStream(2, $0, name: "standard error") }
  }

  /// Ends the process with that exit code.
  public static func end(code: Int32) -> Never { SystemCall.end(code: code) }
}
