internal import ArgumentParser
internal import Bytes
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
    let loaded = try LoadedModel(running: checkpoint)
    let tokenizer = try ModelTokenizer.load(of: checkpoint)
    var texts: [(name: String, bytes: [UInt8])] = []
    for path in text { texts.append((path, try TextFile.utf8(of: path))) }
    var batches: [MomentSweep.Batch] = []
    var told: [CalibrationSettings.Text] = []
    for text in texts {
      let all = tokenizer.encode(utf8: text.bytes)
      let wanted = max(2, tokens / max(1, texts.count) / context)
      let count = min(wanted, all.count / context)
      let step = count == 0 ? 0 : (all.count - context) / max(1, count - 1)
      let windows = (0..<count).map { number in
        var window = Array(all[number * step..<number * step + context])
        if tokenizer.addsBOS, let bos = tokenizer.bosID { window[0] = bos }
        return window
      }
      let heldBack = windows.indices.filter { $0 % 8 == 7 }
      let counted = windows.indices.filter { $0 % 8 != 7 }
      let size = max(1, 1024 / context)
      for (numbers, isHeldBack) in [(counted, false), (heldBack, true)] {
        for first in stride(from: 0, to: numbers.count, by: size) {
          batches.append(
            .init(
              windows: numbers[first..<min(first + size, numbers.count)].map { windows[$0] }, isHeldBack: isHeldBack))
        }
      }
      told.append(
        .init(name: text.name, tokens: counted.count * context, heldBackTokens: heldBack.count * context))
    }
    let settings = CalibrationSettings(
      model: checkpoint.path, context: context, isFisher: fisher, seed: seed, texts: told)
    let sweep = MomentSweep(model: loaded, batches: batches, isFisher: fisher, workers: Workers(count: workers.count))
    let held = told.reduce(0) { $0 + $1.heldBackTokens }
    let writer = try CalibrationWriter(
      path: output, layers: sweep.layers, settings, texts: texts.map(\.bytes),
      sampleTokens: min(held, sweep.sampleTokens), reading: checkpoint.inputPaths + text, replacing: force)
    try await sweep.run(scratchIn: FileSystem.parent(output)) { layers in
      for layer in layers { try writer.write(layer) }
    }
    Terminal.tellLeft(try writer.commit())
    Terminal.note("wrote \(output) in \(DurationText.of((ContinuousClock.now - start).seconds))")
  }
}
