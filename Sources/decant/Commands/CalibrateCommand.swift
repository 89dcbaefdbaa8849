internal import ArgumentParser
internal import Bytes
internal import Calibration
internal import Conversion
internal import Evaluation
internal import Inference
internal import Quantization
internal import Tokenizers

struct CalibrateCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Collect what the layers of a model compute with, for quantizing with less damage.",
    discussion: """
      EXAMPLES
        decant calibrate Llama-3.2-1B/ --output llama.calibration
      """)

  @Argument(help: "Model to run: a file or a folder.", completion: .file())
  var model: String

  @Option(
    parsing: .upToNextOption, help: ArgumentHelp("Texts to read, of several kinds.", valueName: "file ..."),
    completion: .file())
  var text: [String] = []

  @Option(
    name: .shortAndLong, help: ArgumentHelp("File to write.", valueName: "file"), completion: .file(),
    transform: OutputPath.checked)
  var output: String

  @Option(help: ArgumentHelp("Tokens to read in all, of every text as many.", valueName: "n"))
  var tokens = 32768

  @Option(help: ArgumentHelp("Tokens of a window.", valueName: "n"))
  var context = 256

  @Flag(inversion: .prefixedNo, help: "Collect gradients too.")
  var fisher = true

  @Option(help: ArgumentHelp("Of what is drawn.", valueName: "n"))
  var seed = 0

  @Flag(name: .shortAndLong, help: "Replace the output if it is there already.")
  var force = false

  @OptionGroup var adapters: AdapterOptions
  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func run() async throws {
    let start = ContinuousClock.now
    let checkpoint = try adapters.merged(into: try Checkpoint.openedToRun(model))
    talk.tell(checkpoint.notes)
    let model = try LoadedModel(running: checkpoint)
    let tokenizer = try ModelTokenizer.load(of: checkpoint)
    var texts: [CalibrationText] = []
    for path in text { texts.append(CalibrationText(name: path, origin: .bytes(try TextFile.utf8(of: path)))) }
    let team = Workers(count: workers.count)
    let windows = try await CalibrationWindows(
      of: texts.isEmpty ? CalibrationText.usual : texts, tokens: tokens, context: context, seed: UInt64(seed),
      model: model, tokenizer: tokenizer, workers: team
    ) { done, count in
      StatusLine.shared.show("the model writes: token \(done) of \(count)", secondsLeft: 0)
    }
    Terminal.note("generated in \(DurationText.of((ContinuousClock.now - start).seconds))")
    let calibrator = Calibrator(model, over: windows, isFisher: fisher, seed: UInt64(seed), workers: team)
    Terminal.tellLeft(
      try await calibrator.write(to: output, reading: checkpoint.inputPaths + text, replacing: force) { done, count in
        StatusLine.shared.show("step \(done) of \(count)", secondsLeft: 0)
      })
    Terminal.note("wrote \(output) in \(DurationText.of((ContinuousClock.now - start).seconds))")
  }
}
