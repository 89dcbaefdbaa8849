internal import ArgumentParser
internal import Conversion

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

  /// Says what opening models found, each thing once.
  func tell(_ notes: [Note]) {
    guard !quiet else { return }
    var told: Set<Note> = []
    for note in notes where told.insert(note).inserted {
      for line in note.lines(isVerbose: verbose) { Terminal.note(line) }
    }
  }

  /// Says what planning outputs found: once what holds for all of them, and the rest with the output's name.
  func tell(_ notes: [(output: String, notes: [Note])]) {
    let common = notes.dropFirst().reduce(Set(notes.first?.notes ?? [])) { $0.intersection($1.notes) }
    tell((notes.first?.notes ?? []).filter(common.contains))
    guard !quiet else { return }
    for (output, notes) in notes {
      for line in notes.filter({ !common.contains($0) }).flatMap({ $0.lines(of: output, isVerbose: verbose) }) {
        Terminal.note(line)
      }
    }
  }

  func validate() throws {
    if quiet, verbose { throw ValidationError("--quiet and --verbose exclude each other.") }
  }
}

/// A command that can be told how much to say.
protocol TalkingCommand: AsyncParsableCommand {
  var talk: TalkOptions { get }

  /// Exit code of a failure: another one than 1 where that says what was found.
  static var failureCode: Int32 { get }
}

extension TalkingCommand {
  static var failureCode: Int32 { 1 }
}
