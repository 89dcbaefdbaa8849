internal import ArgumentParser
internal import Bytes
internal import Conversion

struct CompareCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Measure what a conversion cost: two forms of a model side by side.",
    discussion: """
      Both models read the same windows of the text, and their predictions are
      compared place by place. KL divergence shows damage long before perplexity
      does: 0 means that nothing changed. Then come the tensors, those with the
      greatest relative squared error first. With several models after, one table
      with a line for each.

      With --json: before and after (name, bytes, bits_per_weight, perplexity,
      standard_error, nll), kl (mean, standard_error, median, p90, p95, p99, p99_9,
      max; KL(before || after) in nats), top1_agreement (0 to 1), delta, ratio,
      rms_probability_change, tokens, chunks, context, tensors; of several models
      under "comparisons".

      Examples:
        decant compare TinyLlama/ tiny-q8_0.gguf --text text.txt
        decant compare TinyLlama/ TinyLlama-nf4/ --text text.txt --markdown
        decant compare TinyLlama/ q8_0.gguf q4_0.gguf nf4/ --text text.txt
      """)

  @Argument(help: "The model as it was.")
  var before: String

  @Argument(help: "The model as it is now; several are compared one by one.")
  var after: [String]

  @Option(help: ArgumentHelp("Text to predict.", valueName: "file"))
  var text: String

  @Option(help: ArgumentHelp("Number of tensors to list; --json has them all.", valueName: "n"))
  var tensors = 10

  @OptionGroup(title: "Measuring") var measuring: MeasuringOptions
  @Option(help: ArgumentHelp("Number of workers; all processors by default.", valueName: "n"))
  var threads: Int?
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func run() async throws {
    try await measuring.compare(
      before: try Checkpoint(path: before),
      after: try after.map { path throws(FileError) in try Checkpoint(path: path) }, text: text, threads: threads,
      shownTensors: tensors, talk)
  }
}
