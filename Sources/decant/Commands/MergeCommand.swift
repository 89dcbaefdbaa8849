internal import ArgumentParser
internal import Conversion

struct MergeCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Write a model with a LoRA adapter merged into its weights.",
    discussion: """
      The sum is computed in float32 while the weights pass through, straight into
      the type that is asked for; no merged intermediate is written. rsLoRA, DoRA,
      OLoRA, rank and alpha patterns, saved modules, biases, embeddings, single
      tokens and vocabularies of another size are merged as PEFT computes with them;
      what is not known to leave a merge alone is refused. A head that is tied to
      the embedding gets weights of its own where the adapter sets the two apart. Of
      a quantized model, what the adapter changes is stored as the model's element
      type unless --type is given, and a note says so.

      An adapter is a folder of PEFT, a folder of MLX (LoRA, DoRA, or a model that
      was trained whole), or a GGUF, whatever container the model is in. Several
      adapters are added in the order in which they are given.

      \(PlanReport.keysWithVerification)

      EXAMPLES
        decant merge Llama-3.2-1B/ my-lora/ Llama-merged/
        decant merge Llama-3.2-1B/ my-lora/ merged-q8_0.gguf --type q8_0
        decant merge llama-q4_k_m.gguf my-lora.gguf:0.5 merged.gguf \\
            --adapter mlx-lora/
      """)

  @Argument(help: "Model to read: a file or a folder.", completion: .file(), transform: InputPath.model)
  var base: String

  @Argument(
    help: ArgumentHelp(
      "Folder of PEFT or MLX, or a GGUF, with what its change is multiplied by.", valueName: "adapter[:weight]"),
    completion: .file())
  var adapter: AdapterArgument

  @Argument(help: "File or folder to write.", completion: .file(), transform: OutputPath.checked)
  var output: String

  @Option(
    name: .shortAndLong,
    help: "Type of the merged weights: an element type or a quantized one. By default that of the model, unquantized.",
    completion: .list(TypeNames.completed))
  var type: String?

  @Option(
    help: ArgumentHelp("Measure what the adapter does: compare before and after on this text.", valueName: "file"),
    completion: .file(), transform: InputPath.file)
  var verify: String?

  @OptionGroup(title: "Types") var types: TypeOptions
  @OptionGroup var adapters: AdapterOptions
  @OptionGroup(title: "Output") var outputOptions: OutputOptions
  @OptionGroup(title: "Measuring, with --verify") var measuring: MeasuringOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    try outputOptions.checkPart([("--verify", verify != nil)])
    try types.checkUse(with: type.map { [$0] } ?? [])
    if types.calibration != nil {
      throw ValidationError("--calibration is for decant quantize, which merges adapters too: --adapter names them.")
    }
    try measuring.checkUse(isMeasuring: verify != nil, talk)
  }

  func run() async throws {
    let model = try Checkpoint.opened(base)
    StatusLine.shared.begin("reading the adapter \(adapter.path)")
    let first = try model.adding(try Adapter(path: adapter.path, weight: adapter.weight))
    let checkpoint = try adapters.merged(into: first)
    let recipe = try types.recipe(named: type)
    let verification = verify.map {
      Verification(
        before: model, text: $0, measuring: measuring, cutting: outputOptions.cutting,
        replacing: outputOptions.force)
    }
    try await Job(checkpoint, to: [.init(path: output, recipe: recipe)], outputOptions, talk).run(
      verification: verification)
  }
}
