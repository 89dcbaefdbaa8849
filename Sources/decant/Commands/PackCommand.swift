internal import ArgumentParser
internal import Bytes
internal import Conversion

struct PackCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "pack",
    abstract: "Compress a weight file without loss, so that single tensors can still be read.",
    discussion: """
      Elements are split into planes of bytes, and each is compressed with zstd. A
      trained BF16 model shrinks to about two thirds. All other commands read a
      packed file directly; unpack gives the original back, byte for byte. The
      zstd program does not: `zstd -d` gives a notice, and the weights with their
      bytes apart, which no reader takes for a model.

      With --json: input, output, bytes_before, bytes_after, ratio.

      EXAMPLES
        decant pack model.safetensors model.safetensors.zst
      """)

  @Argument(help: "A .safetensors or .gguf file.", completion: .file(), transform: InputPath.model)
  var input: String

  @Argument(help: "File to write.", completion: .file(), transform: OutputPath.checked)
  var output: String

  @Option(help: ArgumentHelp("Effort, 1 to 19.", valueName: "n"))
  var level = 1

  @Flag(name: .shortAndLong, help: "Replace the output if it is there already.")
  var force = false

  @Flag(
    inversion: .prefixedNo,
    help: "Go on with the partial output of an earlier run of the same command that was stopped.")
  var resume = true

  @OptionGroup var workers: WorkerOptions

  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    if !(1...19).contains(level) { throw ValidationError("--level must be from 1 to 19.") }
  }

  func run() async throws {
    StatusLine.shared.begin("packing \(input)")
    let sizes = try await Packing.pack(
      input, to: output, level: level, workers: workers.count, replacing: force, isResuming: resume
    ) { PackReport.tell($0, talk) }
    try PackReport.show(input, output, sizes, talk)
  }
}
