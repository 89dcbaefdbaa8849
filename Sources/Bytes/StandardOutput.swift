/// The stream for results.
public enum StandardOutput {
  /// Sees to it that no file or connection takes the place of standard output or error where these are closed: what is said would be
  /// written into it. For programs, before anything else.
  public static func holdPlace() { SystemCall.holdStandardStreams() }

  /// Characters that a line of the terminal holds; nil where it goes elsewhere.
  public static var columns: Int? { SystemCall.terminalColumns(1) }

  /// Writes a text and the end of its line.
  /// - Throws: `FileError` when nobody reads it any more, or the disk that it goes to is full.
  public static func writeLine(_ text: String) throws(FileError) {
    try write(Array((text.hasSuffix("\n") ? text : text + "\n").utf8))
  }

  /// Writes the lines that `make` gives its argument, some at a time, so that they are never all in memory.
  /// - Throws: `FileError` as `writeLine` does.
  public static func writeLines(
    _ make: (_ line: (String) throws(FileError) -> Void) throws(FileError) -> Void
  ) throws(FileError) {
    var waiting: [UInt8] = []
    try make { line throws(FileError) in
      waiting += line.utf8
      waiting.append(UInt8(ascii: "\n"))
      guard waiting.count >= 1 << 16 else { return }
      try write(waiting)
      waiting.removeAll(keepingCapacity: true)
    }
    try write(waiting)
  }

  private static func write(_ bytes: [UInt8]) throws(FileError) {
    try bytes.withBytes { span throws(FileError) in try SystemCall.writeToStream(1, span, name: "standard output") }
  }
}
