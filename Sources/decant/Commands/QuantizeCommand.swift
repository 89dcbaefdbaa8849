internal import ArgumentParser
internal import Conversion

struct QuantizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize",
    abstract: "Write a model with its weights in fewer bits.",
    discussion: """
      TYPES
        nf4 fp4 int4 int8
            Blocks of --block-size with a scale each, as bitsandbytes has them, for
            every linear layer but the head. Folders of nf4 and fp4 open in
            transformers; int4 and int8 are Decant's own.
        q4_0 q4_1 q5_0 q5_1 q8_0
            ggml's types, for llama.cpp and what builds on it, for every
            two-dimensional weight.
        f32 f16 bf16
            Element types, mostly for --tensor-type.

      \(PlanReport.keys)

      EXAMPLES
        decant quantize Llama-3.2-1B/ llama-q8_0.gguf --type q8_0
        decant quantize Llama-3.2-1B/ Llama-nf4/ --type nf4 --verify text.txt
        decant quantize Llama-3.2-1B/ llama.gguf --type q4_0 \\
            --tensor-type 'token_embd|output=q8_0'
      """)

  @Argument(help: "Model to read: a file or a folder.")
  var input: String

  @Argument(help: "File or folder to write.")
  var output: String

  @Option(name: .shortAndLong, help: "Type of the quantized tensors.")
  var type: String

  @Option(help: ArgumentHelp("Measure what it cost: compare before and after on this text.", valueName: "file"))
  var verify: String?

  @OptionGroup(title: "Types") var types: TypeOptions
  @OptionGroup var adapters: AdapterOptions
  @OptionGroup(title: "Output") var outputOptions: OutputOptions
  @OptionGroup(title: "Measuring") var measuring: MeasuringOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    _ = try types.type(named: type)
    _ = try types.overrides()
  }

  func run() async throws {
    let checkpoint = try adapters.merged(into: try Checkpoint(path: input))
    let recipe = try types.recipe(named: type, outputOptions)
    let verification = verify.map { Verification(before: checkpoint, text: $0, measuring: measuring) }
    try await Job(checkpoint, to: output, recipe: recipe, outputOptions, talk).run(verification: verification)
  }
}
