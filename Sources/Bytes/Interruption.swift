internal import CBytes

/// SIGINT (Ctrl-C) and SIGTERM: a program that watches for them stops at its next write, and what it was writing is
/// removed, or kept for the next run to go on with.
public enum Interruption {
  /// Watches for the signals from now on. For programs, not for libraries: it concerns the whole process.
  public static func watch() { decant_catch_signals() }

  /// The signal that asked this process to stop; nil for none. While no output is being written a signal ends the
  /// process itself.
  public static var signal: Int32? {
    let number = decant_interruption()
    return number == 0 ? nil : number
  }

  /// What a signal that ends the process at once says before, on standard error; nothing at first. What does not fit 1,024
  /// bytes is cut off. To be set by one thread at a time.
  public static func sayLast(_ words: String) {
    let count = words.utf8.count
    unsafe words.withCString { unsafe decant_set_last_words($0, count) }
  }

  /// For work that may take longer than a second between two writes.
  /// - Throws: `FileError` with the code `interrupted` when the process was asked to stop.
  public static func check(_ path: String) throws(FileError) {
    guard signal != nil else { return }
    throw FileError(.interrupted, path: path, "interrupted; nothing is left of it")
  }

  static func outputBegins() { decant_count_outputs(1) }

  static func outputEnds() { decant_count_outputs(-1) }
}
