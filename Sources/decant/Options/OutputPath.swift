internal import ArgumentParser

/// The name of an output on the command line.
enum OutputPath {
  /// - Throws: `ValidationError` for what stands for standard output, or is elsewhere.
  static func checked(_ argument: String) throws -> String {
    guard argument != "-", argument != "/dev/stdout" else {
      throw ValidationError(
        "an output is not written from its beginning to its end, so that standard output cannot take it; name a file or "
          + "folder")
    }
    guard !argument.contains("://") else {
      throw ValidationError("an output is written on this machine; name a file or folder of it")
    }
    guard !argument.isEmpty else { throw ValidationError("the output needs a name") }
    return argument
  }
}
