internal import ArgumentParser
internal import Bytes

/// How many things are done at once.
struct WorkerOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Number of workers; all processors by default.", valueName: "n"))
  var threads: Int?

  func validate() throws {
    if let threads, !(1...4096).contains(threads) { throw ValidationError("--threads must be from 1 to 4096.") }
  }

  var count: Int { threads ?? FileSystem.processorCount() }
}
