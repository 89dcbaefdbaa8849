internal import ArgumentParser
internal import Conversion

struct PerplexityCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity",
    abstract: "Measure how well a model predicts a text.",
    discussion: """
      The protocol is llama-perplexity's: windows of --context tokens without
      overlap, each begun with the BOS token, the second half of each scored. The
      model runs on its encoded bytes, so that it needs little memory.

      With --json: perplexity, standard_error, nll (nats a token), tokens, chunks,
      context, name, bytes, bits_per_weight.

      EXAMPLES
        decant perplexity tiny-q8_0.gguf --text text.txt
        decant perplexity TinyLlama/ --text text.txt --chunks 8 --json
      """)

  @Argument(help: "Model to measure: a file or a folder.")
  var model: String

  @Option(help: ArgumentHelp("Text to predict.", valueName: "file"))
  var text: String

  @Option(
    help: ArgumentHelp(
      "Also write the logits of the scored positions to this file, as rows of little-endian float32.",
      valueName: "file"))
  var logits: String?

  @Flag(name: .shortAndLong, help: "Replace the file of logits if it is there already.")
  var force = false

  @OptionGroup var adapters: AdapterOptions
  @OptionGroup(title: "Measuring") var measuring: MeasuringOptions
  @OptionGroup(title: "Measuring") var saving: RecordOptions
  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func run() async throws {
    let checkpoint = try adapters.merged(into: try Checkpoint(path: model))
    if let logits {
      try await measuring.writeLogits(
        of: checkpoint, text: text, to: logits, replacing: force, workers: workers.count)
    }
    try await measuring.perplexity(of: checkpoint, text: text, saving, workers: workers.count, talk)
  }
}
