internal import ArgumentParser
internal import Bytes
internal import Conversion

struct UnpackCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "unpack",
    abstract: "Give back the file that was packed, byte for byte.",
    discussion: """
      With --json: input, output, bytes_before, bytes_after, ratio.

      EXAMPLES
        decant unpack model.safetensors.zst model.safetensors
      """)

  @Argument(help: "A packed file.", completion: .file(), transform: InputPath.model)
  var input: String

  @Argument(help: "File to write.", completion: .file(), transform: OutputPath.checked)
  var output: String

  @Flag(name: .shortAndLong, help: "Replace the output if it is there already.")
  var force = false

  @Flag(
    inversion: .prefixedNo,
    help: "Go on with the partial output of an earlier run of the same command that was stopped.")
  var resume = true

  @OptionGroup var workers: WorkerOptions

  @OptionGroup(title: "Talk") var talk: TalkOptions

  func run() async throws {
    StatusLine.shared.begin("unpacking \(input)")
    let sizes = try await Packing.unpack(
      input, to: output, workers: workers.count, replacing: force, isResuming: resume
    ) { PackReport.tell($0, talk) }
    try PackReport.show(input, output, sizes, talk)
  }
}
