internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Estimation
internal import Evaluation
internal import JSON
internal import Pages
internal import Quantization

struct EstimateCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "estimate",
    abstract: "Tell what a model takes, from its configuration alone.",
    discussion: """
      Needs a config.json and nothing else: a folder without weights, an index without
      its shards, or the weights, of which only headers are read. Sizes of weights are
      those of the tensors that quantize would write, to the byte. Of a model that
      also sees or hears, the language model is counted.

      TYPES
        TYPE, LAYOUT:TYPE, with /n for blocks or groups of n, and +double for scales
        that are quantized too: q4_k_m, nf4, nf4/128+double, gptq:int4/32, mlx:int4.

      To run, a model takes its weights, the cache of keys and values (F16, sliding
      windows counted as such), and what lies between the operations on 512 tokens
      at a time. What the program itself takes comes on top.

      To train: for every trained weight 16 bytes (BF16 and gradient, and in F32 a copy
      and AdamW's two moments), and activations, where each layer keeps its input and
      is computed again on the way back. LoRA and QLoRA have factors beside every
      linear layer but the head; the model is in BF16, or NF4 with double quantization.

      With --json: model, weights, context, batch, trained_context, memory, types (type,
      bytes, bits_per_weight, total, totals (at each of the contexts),
      longest_context, refusal), contexts (context, kv_cache, activations), training
      (method, trained, bytes), notes; all in bytes and tokens.

      EXAMPLES
        decant estimate Llama-3.1-70B/config.json
        decant estimate org/name --memory 24GB
        decant estimate Llama-3.1-8B/ --memory 12GB --context 32768
        decant estimate config.json --type q4_k_m,nf4+double,gptq:int4/32 --json
      """)

  @Argument(help: "A config.json, or a model.", completion: .file(), transform: InputPath.model)
  var model: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Types of the weights, with commas between.", valueName: "type,..."),
    completion: .list(WeightForms.usual))
  var type: String?

  @Option(help: ArgumentHelp("Tokens of a sequence.", valueName: "n"))
  var context: Int?

  @Option(help: ArgumentHelp("Sequences side by side.", valueName: "n"))
  var batch = 1

  @Option(help: ArgumentHelp("Memory there is, as 24GB: tells the longest context of each type.", valueName: "size"))
  var memory: ByteSize?

  @Option(help: ArgumentHelp("Rank of LoRA's factors.", valueName: "n"))
  var rank = 16

  @Option(
    help: ArgumentHelp("Also write a page to look at: what runs in which memory.", valueName: "file.html"),
    completion: .file(), transform: OutputPath.checked)
  var report: String?

  @Flag(name: .shortAndLong, help: "Replace the page of --report if it is there already.")
  var force = false

  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  private var words: [String] {
    type.map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) } ?? WeightForms.usual
  }

  func validate() throws {
    for (option, number) in [("--context", context ?? 1), ("--batch", batch), ("--rank", rank)] where number < 1 {
      throw ValidationError("\(option) must be at least 1.")
    }
    for (option, number) in [("--context", context ?? 1), ("--batch", batch), ("--rank", rank)] where number > 1 << 30 {
      throw ValidationError("\(option) is at most \(1 << 30).")
    }
    for word in words { _ = try WeightForms.parse(word) }
    if let twice = Dictionary(grouping: words, by: { $0 }).first(where: { $0.value.count > 1 }) {
      throw ValidationError("--type: \(twice.key) is there twice.")
    }
    if force, report == nil { throw ValidationError("--force replaces the page of --report, which is not asked for.") }
  }

  func run() async throws {
    StatusLine.shared.begin("opening \(model)")
    let checkpoint = try Checkpoint.configured(model)
    talk.tell(checkpoint.notes)
    let page = report.map { FileOutput($0, replacing: force) }
    if let page {
      try page.check(against: [model] + checkpoint.inputPaths)
      try page.checkRoom()
    }
    var request = ModelEstimate.Request()
    request.context = context
    request.batch = batch
    request.memory = memory?.bytes
    request.rank = rank
    StatusLine.shared.begin("planning")
    let forms = try words.map { word in
      let (recipe, container) = try WeightForms.parse(word, of: checkpoint)
      return (name: word, recipe: recipe, container: container)
    }
    let training = (
      half: try WeightForms.parse("bf16").recipe, nested: try WeightForms.parse("nf4+double").recipe
    )
    let estimate = try ModelEstimate(of: checkpoint, forms, training: training, request, workers: workers.count)
    if let page {
      try ReportOptions.write(ReportPage(FileSystem.lastComponent(model), estimate), to: page, talk)
    }
    let report = EstimateReport(name: FileSystem.lastComponent(model), estimate: estimate)
    if talk.json {
      let json = (report.json.object ?? [:]).merging(["notes": checkpoint.notes.json]) { own, _ in own }
      return try Terminal.result(JSONText.of(.object(json)))
    }
    for note in report.notes where !talk.quiet { Terminal.note(note) }
    try Terminal.result(report.tables.map(\.plain).joined(separator: "\n"))
  }
}
