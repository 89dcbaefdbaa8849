internal import ArgumentParser

/// The name of an output on the command line.
enum OutputPath {
  /// - Throws: `ValidationError` for what stands for standard output.
  static func checked(_ argument: String) throws -> String {
    guard argument != "-", argument != "/dev/stdout" else {
      throw ValidationError(
        "an output is not written from its beginning to its end, so that standard output cannot take it; name a file or "
          + "folder")
    }
    guard !argument.isEmpty else { throw ValidationError("the output needs a name") }
    return argument
  }
}
