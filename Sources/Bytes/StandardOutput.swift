/// The stream for results.
public enum StandardOutput {
  /// Writes a text and the end of its line.
  /// - Throws: `FileError` when nobody reads it any more, or the disk that it goes to is full.
  public static func writeLine(_ text: String) throws(FileError) {
    let bytes = Array((text.hasSuffix("\n") ? text : text + "\n").utf8)
    try bytes.withBytes { span throws(FileError) in try SystemCall.writeToStream(1, span, name: "standard output") }
  }
}
