internal import ArgumentParser
internal import Conversion

struct ConvertCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a model in another container, or with another element type.",
    discussion: """
      Without --dtype every tensor keeps its bytes; a GGUF keeps norms and biases
      as f32, as llama.cpp wants them. Quantized tensors that the other container
      has no type for are decoded.

      \(PlanReport.keys)

      EXAMPLES
        decant convert Llama-3.2-1B/ llama.gguf
        decant convert llama.gguf Llama-again/ --max-shard-size 2GB
        decant convert Llama-3.2-1B/ llama-f16.gguf --dtype f16
        decant convert Llama-3.2-1B/ tuned.gguf --adapter my-lora/:0.5
      """)

  @Argument(help: "Model to read: a file or a folder.", completion: .file())
  var input: String

  @Argument(help: "File or folder to write.", completion: .file(), transform: OutputPath.checked)
  var output: String

  @Option(help: "Element type of the weights: f32, f16 or bf16.", completion: .list(TypeNames.elements))
  var dtype: String?

  @OptionGroup var adapters: AdapterOptions
  @OptionGroup(title: "Output") var outputOptions: OutputOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    if let dtype, TypeNames.element(named: dtype) == nil {
      throw ValidationError("--dtype \(dtype): the element types are \(TypeNames.elements.joined(separator: ", ")).")
    }
  }

  func run() async throws {
    let checkpoint = try adapters.merged(into: try Checkpoint.opened(input))
    let recipe = Recipe(dtype.flatMap(TypeNames.element).map(Recipe.Rule.elements) ?? .keep)
    try await Job(checkpoint, to: output, recipe: recipe, outputOptions, talk).run()
  }
}
