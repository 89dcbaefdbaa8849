internal import ArgumentParser
internal import Conversion

struct JoinCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "join",
    abstract: "Make one file of a model that lies in several.",
    discussion: """
      MODEL is any file of a split set of GGUFs, or a folder of safetensors or its
      index. OUT is something.gguf; of safetensors something.safetensors, or a
      folder, into which the small files of the model go along. Tensors, metadata
      and the record of how the model was made stay as they are: a GGUF that was
      split comes back byte for byte.

      \(DivisionJob.keys)

      EXAMPLES
        decant join llama-00001-of-00003.gguf llama.gguf
        decant join Llama-3.2-1B/ Llama-whole/
        decant join Llama-3.2-1B/ llama.safetensors
      """)

  @Argument(
    help: "Model to read: a folder, an index, or one of a split set.", completion: .file(), transform: InputPath.model)
  var model: String

  @Argument(help: "File or folder to write.", completion: .file(), transform: OutputPath.checked)
  var output: String

  @OptionGroup(title: "Output") var copying: CopyingOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func run() async throws {
    try await DivisionJob(input: model, output: output, division: .whole, options: copying, talk: talk).run()
  }
}
