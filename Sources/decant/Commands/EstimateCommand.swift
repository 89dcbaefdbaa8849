internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Digests
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
      Needs a config.json and nothing else: a folder without weights, an index
      without its shards, or the weights, of which only headers are read. Sizes of
      weights are those of the tensors that quantize would write, to the byte. Of
      a model that also sees or hears, the language model is counted.

      A GB is 10^9 bytes, a GiB 2^30. Sizes are told in GB, and taken as either.

      TYPES
        TYPE, LAYOUT:TYPE, with /n for blocks or groups of n, and +double for scales
        that are quantized too: q4_k_m, nf4, nf4/128+double, gptq:int4/32, mlx:int4.

      To run, a model takes its weights, the cache of keys and values (F16; layers
      with a sliding window keep no more than that), and activations: what is
      computed on the way, 512 tokens at a time. What the program that runs it
      needs for itself comes on top.

      To train, every trained weight takes 16 bytes (BF16 and gradient, and in F32 a
      copy and AdamW's two moments). Activations come on top, where each layer
      keeps its input and is computed again on the way back. LoRA and QLoRA train
      small factors beside every linear layer but the head: of the model in BF16,
      or in NF4 with double quantization.

      With --json: model, weights, context, batch, rank, trained_context, memory (a
      list), types (type, bytes, bits_per_weight, total, totals (at each of the
      contexts), longest_contexts (in each memory), refusal), alternatives (memory,
      type, bytes, longest_context), contexts (context, kv_cache, activations),
      training (method, trained, bytes), origin (version, command,
      config_xxh3_128), notes; all in bytes and tokens.

      EXAMPLES
        decant estimate Llama-3.1-70B/config.json
        decant estimate org/name --memory 24GB
        decant estimate org/name --memory 8GB,16GB,24GB
        decant estimate Llama-3.1-8B/ --memory 12GB --context 32768
        decant estimate config.json --type q4_k_m,nf4+double,gptq:int4/32 --json
      """)

  @Argument(help: "A config.json, or a model.", completion: .file(), transform: InputPath.model)
  var model: String

  @Option(
    name: .shortAndLong, help: ArgumentHelp("Types of the weights, with commas between.", valueName: "type,..."),
    completion: .list(WeightForms.usual))
  var type: [String] = []

  @Option(help: ArgumentHelp("Tokens of context; several usual lengths by default.", valueName: "n"))
  var context: Int?

  @Option(help: ArgumentHelp("Sequences at a time.", valueName: "n"))
  var batch = 1

  @Option(
    help: ArgumentHelp(
      "Memory there is, as 24GB (24 x 10^9 bytes) or 24GiB (24 x 2^30): tells the longest context of each type. "
        + "Several with commas between.", valueName: "size,..."), transform: sizes)
  var memory: [[Int]] = []

  @Option(help: ArgumentHelp("Rank of LoRA's factors.", valueName: "n"))
  var rank = 16

  @Option(
    help: ArgumentHelp(
      "Also write a page to look at, with a chart of what fits into which memory.", valueName: "file.html"),
    completion: .file(), transform: OutputPath.checked)
  var report: String?

  @Flag(name: .shortAndLong, help: "Replace the page of --report if it is there already.")
  var force = false

  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  private var words: [String] {
    type.isEmpty
      ? WeightForms.usual
      : type.flatMap { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
  }

  /// Numbers of bytes with commas between.
  private static func sizes(_ text: String) throws -> [Int] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
      guard let size = ByteSize(argument: String(word)) else {
        throw ValidationError("a size such as 24GB or 24GiB is expected")
      }
      // No memory is that small: a unit was forgotten.
      guard size.bytes >= 1_000_000 || word.last?.isLetter == true else {
        throw ValidationError("a number without a unit is of bytes; write \(word)GB")
      }
      return size.bytes
    }
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
    if let twice = Dictionary(grouping: memory.joined(), by: { $0 }).first(where: { $0.value.count > 1 }) {
      throw ValidationError("--memory: \(NumberText.bytes(twice.key)) is there twice.")
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
    request.memories = memory.flatMap(\.self)
    request.rank = rank
    StatusLine.shared.begin("planning")
    func form(_ word: String) throws -> (name: String, recipe: Recipe, container: Container) {
      let (recipe, container) = try WeightForms.parse(word, of: checkpoint)
      return (name: word, recipe: recipe, container: container)
    }
    let forms = try words.map(form)
    let others = try (WeightForms.usual + WeightForms.smallest).filter { !words.contains($0) }.map(form)
    let training = (
      half: try WeightForms.parse("bf16").recipe, nested: try WeightForms.parse("nf4+double").recipe
    )
    let estimate = try ModelEstimate(
      of: checkpoint, forms, others: others, training: training, request, workers: workers.count)
    let report = EstimateReport(
      estimate: estimate, origin: try origin(of: checkpoint),
      found: checkpoint.notes.map { $0.sentence(isVerbose: false) })
    if let page {
      try ReportOptions.write(ReportPage(estimate, report.origin, notes: report.found + report.notes), to: page, talk)
    }
    if talk.json { return try Terminal.result(JSONText.of(report.json)) }
    for note in report.notes where !talk.quiet { Terminal.note("note: " + note) }
    try Terminal.result(report.tables.map(\.plain).joined(separator: "\n"))
  }

  private func origin(of checkpoint: Checkpoint) throws -> EstimateOrigin {
    // A file may be a configuration of any name.
    let isConfig = model.hasFileEnding(".json") && !model.hasFileEnding(".index.json")
    let config = isConfig ? model : checkpoint.folder.map { FileSystem.join($0, Checkpoint.configName) }
    let digest = try config.flatMap { path throws(FileError) in
      try FileSystem.hasFile(path) ? try InputFile.document(of: path).withBytes { FastDigest(of: $0) } : nil
    }
    return EstimateOrigin(
      model: FileSystem.lastComponent(model), version: Version.current,
      command: try ProcessArguments.words().map(MeasurementOrigin.withoutSecrets), configDigest: digest?.description)
  }
}
