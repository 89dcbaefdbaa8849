internal import CBytes

/// The words of the command line.
public enum ProcessArguments {
  /// The words behind the program's name. Swift's `CommandLine` has them from /proc on Linux, which not every container
  /// mounts.
  /// - Throws: `FileError` when they cannot be had, or are no text: a name that was changed on the way is another file's.
  public static func words() throws(FileError) -> [String] {
    let count = Int(decant_argument_count())
    guard count >= 0 else {
      let words = CommandLine.arguments
      guard !words.isEmpty else { throw missing }
      return Array(words.dropFirst())
    }
    guard count > 0 else { throw missing }
    var words: [String] = []
    for number in 1..<max(count, 1) {
      guard let start = unsafe decant_argument(Int32(number)) else { throw missing }
      guard let word = unsafe String(validatingCString: start) else {
        throw FileError(
          .unsupported, path: unsafe String(cString: start),
          "this word of the command line is not UTF-8; give the file a name that is")
      }
      words.append(word)
    }
    return words
  }

  private static var missing: FileError {
    FileError(.system, path: "decant", "the system does not say what it was called with")
  }
}
