internal import ArgumentParser
internal import Bytes
internal import Calibration
internal import Conversion
internal import Evaluation
internal import Inference
internal import JSON
internal import Tokenizers

struct CalibrateCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "calibrate",
    abstract: "Collect what the layers of a model compute with, for quantizing with less damage.",
    discussion: """
      The model reads text, and two things are collected of every linear layer: the
      second moments of what it is given, and those of the gradient of the loss with
      respect to what it gives (--no-fisher leaves those out). `decant quantize
      --calibration` then chooses codes and scales so that errors cancel in what the
      model computes: the same format, the same size, less damage.

      An eighth of the windows is held back. What is quantized with the calibration
      is measured on them, and worse codes than the type's own are not taken.

      The text decides how far this carries: errors are small for text like that
      which was read. Without --text it is a mixture: articles, prose, documentation
      and code that ship with Decant, and text that the model writes itself. Give
      your own with --text, of several kinds rather than much of one; a calibration
      file there stands for the texts that are in it.

      The file has a triangle of numbers for the columns of each weight, and one for
      its rows: 1.2 GB for a model of 135 M weights, 7.5 GB for 1.1 B, 55 GB for 8 B.
      While it is made, activations are kept in a scratch file beside it. --dry-run
      tells sizes, memory and time.

      With --dry-run --json: output, bytes, scratch_bytes, memory, operations, seconds.
      With --json: output, bytes, layers, texts (name, tokens, held_back_tokens),
      fisher, context, seconds.

      EXAMPLES
        decant calibrate Llama-3.2-1B/ --output llama.calibration
        decant quantize Llama-3.2-1B/ llama.gguf --type q4_k_m \\
            --calibration llama.calibration
        decant calibrate Llama-3.2-1B/ --text mails.txt manuals.txt code.txt \\
            --output llama.calibration
      """)

  @Argument(help: "Model to run: a file or a folder.", completion: .file())
  var model: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Texts to read, each of another kind; of every one as much.", valueName: "file ..."),
    completion: .file())
  var text: [String] = []

  @Option(
    name: .shortAndLong, help: ArgumentHelp("File to write.", valueName: "file"), completion: .file(),
    transform: OutputPath.checked)
  var output: String

  @Option(help: ArgumentHelp("Tokens to read in all.", valueName: "n"))
  var tokens = 32768

  @Option(help: ArgumentHelp("Tokens of a window.", valueName: "n"))
  var context = 256

  @Flag(
    inversion: .prefixedNo,
    help: "Collect gradients too. Without, it is made in half the time and gains about half as much.")
  var fisher = true

  @Option(help: ArgumentHelp("Of what is drawn by chance: the model's own text, and labels.", valueName: "n"))
  var seed: UInt32 = 0

  @Option(
    help: ArgumentHelp("Write the importance matrix that it is beside all else, too: a GGUF.", valueName: "file"),
    completion: .file(), transform: OutputPath.checked)
  var imatrix: String?

  @Option(
    help: ArgumentHelp(
      "Tokenizer to use: a folder, a tokenizer file or a GGUF. The model's own by default.", valueName: "path"),
    completion: .file())
  var tokenizer: String?

  @Option(help: ArgumentHelp("Memory that it may take, as 4GB; what is free by default.", valueName: "size"))
  var memory: ByteSize?

  @Flag(help: "Tell sizes, memory and time, and write nothing.")
  var dryRun = false

  @Flag(name: .shortAndLong, help: "Replace the output if it is there already.")
  var force = false

  @OptionGroup var adapters: AdapterOptions
  @OptionGroup(title: "Reading") var cutting: PreTokenizerOptions
  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    if context < 16 { throw ValidationError("--context must be at least 16.") }
    if tokens < 2 * context { throw ValidationError("--tokens must be at least two windows: \(2 * context).") }
  }

  func run() async throws {
    let start = ContinuousClock.now
    let checkpoint = try adapters.merged(into: try Checkpoint.openedToRun(model))
    talk.tell(checkpoint.notes)
    _ = try checkpoint.requireModel()
    try checkpoint.checkTensors()
    let inputs = try checkpoint.inputPaths + text + (tokenizer.map(ModelTokenizer.inputPaths) ?? [])
    for path in [output] + (imatrix.map { [$0] } ?? []) {
      let file = FileOutput(path, replacing: force)
      try file.check(against: inputs, spent: [])
      try file.checkRoom()
    }
    StatusLine.shared.begin("loading \(checkpoint.path)")
    let loaded = try LoadedModel(running: checkpoint)
    let team = Workers(count: workers.count)
    let texts = try readTexts()
    let price = CalibrationPrice(
      loaded, texts: texts.count, tokens: tokens, context: context, isFisher: fisher, workers: team)
    let allowed = memory?.bytes ?? FileSystem.availableMemory()
    if let allowed, price.memory > Double(allowed) {
      throw FileError(
        .unsupported, path: model,
        "calibrating it takes about \(NumberText.bytes(Int(price.memory))) of memory, and \(NumberText.bytes(allowed)) may "
          + "be taken; without gradients, or with shorter windows, it takes less", remedy: .allowMemory)
    }
    if dryRun { return try show(price) }
    let own = try tokenizer.map { path throws(FileError) in
      try ModelTokenizer.load(path, preTokenizer: cutting.preTokenizer)
    }
    let words = try own ?? ModelTokenizer.load(of: checkpoint, preTokenizer: cutting.preTokenizer)
    let writing = ContinuousClock.now
    let windows = try await CalibrationWindows(
      of: texts, tokens: tokens, context: context, seed: UInt64(seed), model: loaded, tokenizer: words, workers: team
    ) { done, count in
      show("the model writes text: token", done, of: count, since: writing)
    }
    let calibrator = Calibrator(loaded, over: windows, isFisher: fisher, seed: UInt64(seed), workers: team)
    let sweeping = ContinuousClock.now
    StatusLine.shared.begin("step 1 of \(calibrator.sweep.stepCount)")
    StatusLine.shared.sayLast("decant: interrupted; nothing of the calibration is kept\n")
    Terminal.tellLeft(
      try await calibrator.write(to: output, reading: inputs, replacing: force) { done, count in
        show("step", done, of: count, since: sweeping)
      })
    StatusLine.shared.end()
    StatusLine.shared.sayLast("")
    try checkpoint.requireUnchanged()
    if let imatrix {
      let matrix = try Calibration(path: output).importance(of: checkpoint)
      Terminal.tellLeft(try matrix.write(to: imatrix, replacing: force, reading: inputs))
    }
    try show(calibrator, seconds: (ContinuousClock.now - start).seconds)
  }

  /// The texts that are named, those of calibrations among them.
  private func readTexts() throws(FileError) -> [CalibrationText] {
    guard !text.isEmpty else { return CalibrationText.usual }
    var texts: [CalibrationText] = []
    for path in text {
      if path != "-", let calibration = try Calibration(ifThereIsOneAt: path) {
        for (number, known) in calibration.settings.texts.enumerated() {
          guard let bytes = try calibration.text(number) else { continue }
          texts.append(CalibrationText(name: known.name, origin: .bytes(bytes)))
        }
      } else {
        texts.append(CalibrationText(name: path, origin: .bytes(try TextFile.utf8(of: path))))
      }
    }
    return texts
  }

  // MARK: - Telling

  private func show(_ what: String, _ done: Int, of count: Int, since start: ContinuousClock.Instant) {
    let seconds = (ContinuousClock.now - start).seconds
    StatusLine.shared.show(
      "\(what) \(done) of \(count)", secondsLeft: seconds / Double(max(done, 1)) * Double(count - done))
  }

  private func show(_ price: CalibrationPrice) throws {
    if talk.json {
      return try Terminal.result(
        JSONText.of([
          "output": .string(output), "bytes": .integer(price.fileBytes), "scratch_bytes": .integer(price.scratchBytes),
          "memory": .finite(price.memory), "operations": .finite(price.operations), "seconds": .finite(price.seconds),
        ]))
    }
    for (what, size) in [
      ("calibration file", NumberText.bytes(price.fileBytes)),
      ("scratch file beside it, while it is made", NumberText.bytes(price.scratchBytes)),
      ("memory", "about " + NumberText.bytes(Int(price.memory))),
      (
        "time",
        "about \(DurationText.of(price.seconds)): \(NumberText.significant(price.operations / 1e12, 3)) TFLOP at "
          + "\(NumberText.significant(price.operations / price.seconds / 1e9, 3)) GFLOP/s"
      ),
    ] {
      try Terminal.result("\(what): \(size)")
    }
  }

  private func show(_ calibrator: Calibrator, seconds: Double) throws {
    let settings = calibrator.settings
    if talk.json {
      return try Terminal.result(
        JSONText.of([
          "output": .string(output), "bytes": .integer(try FileSystem.byteCount(output) ?? 0),
          "layers": .integer(calibrator.sweep.layers.count),
          "texts": .array(
            settings.texts.map {
              [
                "name": .string($0.name), "tokens": .integer($0.tokens),
                "held_back_tokens": .integer($0.heldBackTokens),
              ]
            }), "fisher": .bool(settings.isFisher), "context": .integer(settings.context),
          "seconds": .number(seconds),
        ]))
    }
    guard !talk.quiet else { return }
    let read = settings.texts.map { "\($0.name) \(NumberText.grouped($0.tokens))" }.joined(separator: ", ")
    Terminal.note(
      "wrote \(output): \(calibrator.sweep.layers.count) linear layers, "
        + "\(NumberText.bytes(try FileSystem.byteCount(output) ?? 0)), in \(DurationText.of(seconds))")
    Terminal.note("tokens of each kind of text: \(read); and a seventh as many that were held back")
  }
}
