internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Quantization

struct ConvertCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write a model in another container, or with another element type.",
    discussion: """
      Without --dtype every tensor keeps its bytes; a GGUF keeps norms and biases
      as f32, as llama.cpp wants them. Quantized tensors that the other container
      has no type for are decoded.

      With --base the input is a LoRA adapter, a folder of PEFT or MLX, and the
      output the GGUF that llama.cpp takes with --lora: of the same type and --name
      the bytes that llama.cpp's convert_lora_to_gguf.py writes. Of the model only
      the settings are read. What such a GGUF cannot say, such as DoRA or modules
      that were trained whole, is refused.

      With --layout quantized weights are spelled as another library does. Where
      that can hold the same numbers they are repacked and no value changes; other
      weights are decoded and rounded once more, to the nearest type of the
      layout. --dry-run tells what becomes of each, and --exact-only refuses what
      would change. Into a GGUF, weights become the ggml type that holds them
      exactly, or are decoded.

      GPTQ's act-order (desc_act) gives columns to groups in any order, which only
      GPTQ and compressed-tensors can say. --undo-act-order reorders the neurons of
      a feed-forward network, which computes the same then, so that the groups of
      its last weight are runs of columns and its codes are kept. Adapters and
      importance matrices of the original do not fit the result, and its tensors
      are not those of the original one by one.

      \(PlanReport.keys)

      EXAMPLES
        decant convert Llama-3.2-1B/ llama.gguf
        decant convert llama.gguf Llama-again/ --max-shard-size 2GB
        decant convert Llama-GPTQ/ Llama-mlx/ --layout mlx --dry-run
        decant convert Llama-3.2-1B/ llama-f16.gguf --dtype f16
        decant convert Llama-3.2-1B/ tuned.gguf --adapter my-lora/:0.5
        decant convert my-lora/ my-lora.gguf --base Llama-3.2-1B/
      """)

  @Argument(
    help: "Model to read: a file or a folder. With --base an adapter.", completion: .file(), transform: InputPath.model)
  var input: String

  @Argument(help: "File or folder to write.", completion: .file(), transform: OutputPath.checked)
  var output: String

  @Option(
    help: "Element type of the weights: f32, f16 or bf16; with --base also q8_0.", completion: .list(TypeNames.elements)
  )
  var dtype: String?

  @Option(
    help: ArgumentHelp(
      "Spell quantized weights as this library does, exactly where it can: \(LayoutNames.list).",
      valueName: "layout"), completion: .list(LayoutNames.all))
  var layout: String?

  @Flag(
    help: ArgumentHelp(
      "Reorder the neurons of feed-forward networks where that keeps the codes of a weight in act-order (GPTQ's desc_act)."
    ))
  var undoActOrder = false

  @Option(
    help: ArgumentHelp(
      "Write an adapter as a GGUF: the model that it is for, or a folder with its config.json.", valueName: "model"),
    completion: .file(), transform: InputPath.model)
  var base: String?

  @OptionGroup var adapters: AdapterOptions
  @OptionGroup(title: "Output") var outputOptions: OutputOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    if let layout { try LayoutNames.check(layout) }
    if layout != nil, dtype != nil {
      throw ValidationError(
        "--layout and --dtype contradict each other: one keeps weights quantized, the other does not.")
    }
    if undoActOrder, dtype != nil {
      throw ValidationError("--undo-act-order keeps codes, and with --dtype there are none.")
    }
    if let dtype, type == nil {
      throw ValidationError("--dtype \(dtype): the element types are \(TypeNames.elements.joined(separator: ", ")).")
    }
    guard base != nil else { return }
    for (option, isGiven) in [
      ("--adapter", !adapters.adapters.isEmpty), ("--allow-nonfinite", outputOptions.allowNonfinite),
      ("--layout", layout != nil), ("--undo-act-order", undoActOrder), ("--exact-only", outputOptions.exactOnly),
      ("--split-max-size", outputOptions.splitMaxSize != nil), ("--parts", outputOptions.parts != nil),
      ("--part", outputOptions.sharing.part != nil),
      ("--pre-tokenizer", outputOptions.cutting.preTokenizer != nil),
    ] where isGiven {
      throw ValidationError("\(option) is for models; with --base an adapter is written.")
    }
  }

  private var type: TargetType? {
    dtype.flatMap { name in
      base != nil && name == "q8_0"
        ? Catalog.codec(named: name).map { TargetType(codec: $0) } : TypeNames.element(named: name)
    }
  }

  func run() async throws {
    if let base {
      StatusLine.shared.begin("reading the adapter \(input)")
      let adapter = try Adapter(path: input)
      return try await Job(
        adapter, of: try AdapterBase(path: base), to: output, type: type, outputOptions, talk
      ).run()
    }
    if try AdapterSummary.isAdapter(input) {
      throw FileError(.unsupported, path: input, "is an adapter, not a model", remedy: .nameBase)
    }
    let checkpoint = try adapters.merged(into: try Checkpoint.opened(input))
    var recipe = Recipe(layout.map(Recipe.Rule.layout) ?? type.map(Recipe.Rule.elements) ?? .keep)
    recipe.undoesActOrder = undoActOrder
    try await Job(checkpoint, to: [.init(path: output, recipe: recipe)], outputOptions, talk).run()
  }
}
