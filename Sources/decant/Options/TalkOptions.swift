internal import ArgumentParser

/// How much is said.
struct TalkOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Say nothing but results and errors.")
  var quiet = false

  @Flag(
    name: .shortAndLong,
    help: "Print a line for every tensor, everything that a note speaks of, and what is computed with.")
  var verbose = false

  @Flag(help: "Print results as JSON on standard output.")
  var json = false

  func validate() throws {
    if quiet, verbose { throw ValidationError("--quiet and --verbose exclude each other.") }
  }
}

/// A command that can be told how much to say.
protocol TalkingCommand: AsyncParsableCommand {
  var talk: TalkOptions { get }
}
