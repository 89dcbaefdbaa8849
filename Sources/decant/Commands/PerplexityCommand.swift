internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Evaluation

struct PerplexityCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity",
    abstract: "Measure how well a model predicts a text.",
    discussion: """
      The protocol is llama-perplexity's: windows of --context tokens without
      overlap, each begun with the BOS token, the second half of each scored. The
      model runs on its encoded bytes, so that it needs little memory.

      With --json: perplexity, standard_error, nll (nats a token), tokens, chunks,
      context, name, bytes, bits_per_weight, nll_histogram (from, to, count), worst
      (the ten most surprising places, with passages), what the model is (container,
      types, xxh3_128, recipe, license ...), origin (command, machine, text), notes.
      decant report makes a page of such files later.

      With --part, several machines share a measurement: each measures its share of
      the windows and prints it with --json; decant report puts all parts together,
      and every number is what one machine would have found. Such a JSON has part:
      number, count, fingerprint, windows, and what was found at each place.

      EXAMPLES
        decant perplexity tiny-q8_0.gguf --text text.txt
        decant perplexity TinyLlama/ --text text.txt --chunks 8 --json
        decant perplexity TinyLlama/ --text text.txt --report TinyLlama.html
        decant perplexity TinyLlama/ --text text.txt --part 2/4 --json > part2.json
      """)

  @Argument(help: "Model to measure: a file or a folder.", completion: .file(), transform: InputPath.model)
  var model: String

  @Option(
    help: ArgumentHelp("Text to predict; - for standard input.", valueName: "file"), completion: .file(),
    transform: InputPath.file)
  var text: String

  @Option(
    help: ArgumentHelp(
      "Also write the logits of the scored positions to this file, as rows of little-endian float32.",
      valueName: "file"), completion: .file(), transform: OutputPath.checked)
  var logits: String?

  @Flag(name: .shortAndLong, help: "Replace the file of logits, or the page of --report, if it is there already.")
  var force = false

  @Flag(
    inversion: .prefixedNo,
    help: "Go on with the partial file of logits of an earlier run of the same command that was stopped.")
  var resume = true

  @OptionGroup var adapters: AdapterOptions
  @OptionGroup(title: "Measuring") var measuring: MeasuringOptions
  @OptionGroup(title: "Measuring") var cutting: PreTokenizerOptions
  @OptionGroup(title: "Measuring") var saving: RecordOptions
  @OptionGroup(title: "Parts") var parts: PartOptions
  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    if !resume, logits == nil {
      throw ValidationError("--no-resume is for the file of --logits, which is not asked for.")
    }
    if force, logits == nil, measuring.forms.report == nil {
      throw ValidationError("--force replaces the files of --logits and --report, of which none is asked for.")
    }
    if parts.part != nil, logits != nil {
      throw ValidationError("--part and --logits exclude each other; the file has the logits of all windows.")
    }
    try measuring.checkUse(of: parts, talk)
    try measuring.checkUse(isMeasuring: true, talk)
  }

  func run() async throws {
    let checkpoint = try adapters.merged(into: try Checkpoint.openedToRun(model))
    talk.tell(checkpoint.notes)
    let inputs = try checkpoint.inputPaths + measuring.reading.inputPaths(with: text)
    if let logits {
      try FileOutput(logits, replacing: force).check(against: inputs)
    }
    let page = try measuring.forms.page(reading: inputs + (logits.map { [$0] } ?? []), replacing: force)
    let read = try measuring.reading.read(text, for: checkpoint, cutting)
    let windows = read.windows
    let record = try saving.record(
      of: "perplexity", parts.part, [checkpoint], over: windows, inputs: inputs, talk)
    let report = try await measuring.perplexity(
      of: checkpoint, over: read, part: parts.part, record: record, workers: workers.count, talk)
    // Last, and the record stays until then: whenever this is stopped, the same command goes on.
    if let logits {
      try await measuring.writeLogits(
        of: checkpoint, over: windows, to: logits, reading: inputs, replacing: force, isResuming: resume,
        workers: workers.count, talk)
    }
    if let page { try ReportOptions.write(.perplexities([report]), to: page, talk) }
    try measuring.forms.show(report, .perplexities([report]), notes: checkpoint.notes, talk)
    Terminal.noting { () throws(FileError) in try record?.remove() }
  }
}
