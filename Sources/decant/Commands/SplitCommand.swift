internal import ArgumentParser
internal import Conversion

struct SplitCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "split",
    abstract: "Divide a model among several files, without a change of its tensors.",
    discussion: """
      A GGUF becomes a split set, OUT-00001-of-00003.gguf and so on, byte for byte
      what llama-gguf-split makes of it. Safetensors become shards with an index in
      the folder OUT, as Hugging Face's libraries divide them, and the small files of
      the model go along. Tensors, metadata and the record of how the model was made
      stay as they are; join makes one file of it again.

      A size counts tensors, not headers; a longer tensor has a file of its own.

      \(DivisionJob.keys)

      EXAMPLES
        decant split llama-q8_0.gguf llama-split.gguf --max-shard-size 2GB
        decant split Llama-3.2-1B/ Llama-shards/ --max-shard-size 500MB
        decant split llama-q8_0.gguf parts.gguf --max-tensors 64 --dry-run
      """)

  @Argument(
    help: "Model to read: a file, a folder, or one of a split set.", completion: .file(), transform: InputPath.model)
  var model: String

  @Argument(help: "Name of the set, or folder to write.", completion: .file(), transform: OutputPath.checked)
  var output: String

  @Option(help: ArgumentHelp("Most bytes of tensors in a file, as 2GB.", valueName: "size"))
  var maxShardSize: ByteSize?

  @Option(help: ArgumentHelp("Most tensors in a file.", valueName: "n"))
  var maxTensors: Int?

  @OptionGroup(title: "Output") var copying: CopyingOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    guard (maxShardSize == nil) != (maxTensors == nil) else {
      throw ValidationError("Say how to divide: either --max-shard-size or --max-tensors.")
    }
    if let maxTensors, maxTensors < 1 { throw ValidationError("--max-tensors must be at least 1.") }
  }

  func run() async throws {
    let division = maxShardSize.map { Division.bytes($0.bytes) } ?? maxTensors.map(Division.tensors) ?? .whole
    try await DivisionJob(input: model, output: output, division: division, options: copying, talk: talk).run()
  }
}
