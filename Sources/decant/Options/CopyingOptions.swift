internal import ArgumentParser

/// How an output is written that holds what its input holds.
struct CopyingOptions: ParsableArguments {
  @Flag(name: .shortAndLong, help: "Replace the output if it is there already.")
  var force = false

  @Flag(help: "Print the files that would be written, and write nothing.")
  var dryRun = false

  @Flag(
    inversion: .prefixedNo,
    help: "Go on with the partial output of an earlier run of the same command that was stopped.")
  var resume = true

  @OptionGroup var workers: WorkerOptions
}
