internal import ArgumentParser
internal import Bytes

/// How many things are done at once.
struct WorkerOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Number of workers; all processors, at most 24, by default.", valueName: "n"))
  var threads: Int?

  func validate() throws {
    if let threads, !(1...4096).contains(threads) { throw ValidationError("--threads must be from 1 to 4096.") }
  }

  /// More than two dozen would wait for the disk, and each has buffers of some megabytes.
  var count: Int { threads ?? min(FileSystem.processorCount(), 24) }
}
