internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Evaluation

struct CompareCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Measure what a conversion cost: two forms of a model side by side.",
    discussion: """
      Both models read the same windows of the text, and their predictions are
      compared place by place. KL divergence shows damage long before perplexity
      does: 0 means that nothing changed. Then come the tensors, those with the
      greatest relative squared error first. With several models after, one table
      with a line for each.

      With --save-progress a long comparison goes on after it was stopped; with
      several models after, the files are numbered: FILE.1, FILE.2 ...

      With --json: before and after (name, bytes, bits_per_weight, perplexity,
      standard_error, nll), kl (mean, standard_error, median, p90, p95, p99, p99_9,
      max; KL(before || after) in nats), top1_agreement (0 to 1), delta, ratio,
      rms_probability_change, tokens, chunks, context, tensors, kl_histogram (from,
      to, count), worst (the ten places with the greatest divergence: window,
      position, kl, passage, and what either model expected), what the models are
      (container, types, xxh3_128, recipe, license ...), origin (command, machine,
      text); of several models under "comparisons"; and notes, what opening the
      models found. decant report makes a page of such files later, and one of
      several.

      With --part, several machines share a comparison: each measures its share of
      the windows and of the tensors, and prints it with --json; decant report puts
      all parts together, and every number is what one machine would have found. Such
      a JSON has part: number, count, fingerprint, windows, and what was found at
      each place.

      EXAMPLES
        decant compare TinyLlama/ tiny-q8_0.gguf --text text.txt
        decant compare TinyLlama/ TinyLlama-nf4/ --text text.txt --markdown
        decant compare TinyLlama/ q8_0.gguf q4_0.gguf nf4/ --text text.txt \\
            --report TinyLlama.html
        decant compare TinyLlama/ nf4/ --text text.txt --part 2/4 --json > part2.json
      """)

  @Argument(help: "The model as it was.", completion: .file(), transform: InputPath.model)
  var before: String

  @Argument(
    help: "The model as it is now; several are compared one by one.", completion: .file(), transform: InputPath.model)
  var after: [String]

  @Option(
    help: ArgumentHelp("Text to predict; - for standard input.", valueName: "file"), completion: .file(),
    transform: InputPath.file)
  var text: String

  @Option(
    help: ArgumentHelp("Number of tensors to list; 10 by default, --json has them all.", valueName: "n"))
  var tensors: Int?

  @Flag(name: .shortAndLong, help: "Replace the page of --report if it is there already.")
  var force = false

  @OptionGroup(title: "Measuring") var measuring: MeasuringOptions
  @OptionGroup(title: "Measuring") var cutting: PreTokenizerOptions
  @OptionGroup(title: "Measuring") var saving: RecordOptions
  @OptionGroup(title: "Parts") var parts: PartOptions
  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    if let tensors, tensors < 0 { throw ValidationError("--tensors must be at least 0.") }
    if tensors != nil, after.count > 1 || talk.json {
      throw ValidationError("--tensors is for the tables of one model; with --json all tensors are listed.")
    }
    try measuring.checkUse(of: parts, talk)
    try measuring.checkUse(isMeasuring: true, talk)
    if force, measuring.forms.report == nil {
      throw ValidationError("--force replaces the page of --report, which is not asked for.")
    }
  }

  func run() async throws {
    let before = try Checkpoint.openedToRun(before)
    let others = try after.map { path throws(FileError) in try Checkpoint.openedToRun(path) }
    var notes = ([before] + others).flatMap(\.notes)
    talk.tell(notes)
    let inputs =
      try before.inputPaths + others.flatMap { other throws(FileError) in try other.inputPaths }
      + measuring.reading.inputPaths(with: text)
    let page = try measuring.forms.page(reading: inputs, replacing: force)
    let read = try measuring.reading.read(text, for: before, comparedWith: others, cutting)
    let pruned = others.filter { MeasuringOptions.layersDiffer(before, $0) }.map {
      Note("\($0.path) has another number of layers, so their tensors are not compared one by one")
    }
    notes += pruned
    let records = try others.enumerated().map { number, other throws(FileError) in
      try saving.record(
        of: "compare", parts.part, [before, other], over: read.windows, number: others.count > 1 ? number + 1 : nil,
        inputs: inputs,
        talk
      )
    }
    var reports: [ComparisonReport] = []
    for (other, record) in zip(others, records) {
      reports.append(
        try await measuring.comparison(
          before: before, after: other, over: read, part: parts.part, record: record, workers: workers.count,
          shownTensors: tensors ?? 10, talk))
    }
    talk.tell(pruned)
    if let page { try ReportOptions.write(.comparisons(reports), to: page, talk) }
    if reports.count == 1 {
      try measuring.forms.show(reports[0], .comparisons(reports), notes: notes, talk)
    } else {
      try measuring.forms.show(ComparisonSummary(reports), .comparisons(reports), notes: notes, talk)
    }
    for record in records { Terminal.noting { () throws(FileError) in try record?.remove() } }
  }
}
