internal import ArgumentParser
internal import Bytes
internal import Calibration
internal import Conversion
internal import Evaluation
internal import Inference
internal import JSON

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
      --mergeable keeps sums that can be added to those of other texts, read
      elsewhere: --merge does that, and neither order nor grouping changes a byte.
      While it is made, activations are kept in a scratch file beside it. --dry-run
      tells sizes, memory and time.

      With --dry-run --json: output, bytes, scratch_bytes, memory, operations,
      seconds. With --json: output, bytes, layers, texts (name, tokens,
      held_back_tokens), fisher, context, seconds.

      EXAMPLES
        decant calibrate Llama-3.2-1B/ --output llama.calibration
        decant quantize Llama-3.2-1B/ llama.gguf --type q4_k_m \\
            --calibration llama.calibration
        decant calibrate Llama-3.2-1B/ --text mails.txt manuals.txt code.txt \\
            --output llama.calibration
        decant calibrate --merge a.calibration b.calibration \\
            --output both.calibration
      """)

  @Argument(help: "Model to run: a file or a folder.", completion: .file(), transform: InputPath.model)
  var model: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "In place of a model: calibrations of one model, made with --mergeable, to be added up.", valueName: "file ..."),
    completion: .file(), transform: InputPath.file)
  var merge: [String] = []

  @Option(
    name: .shortAndLong, help: ArgumentHelp("File to write.", valueName: "file"), completion: .file(),
    transform: OutputPath.checked)
  var output: String

  @Option(
    help: ArgumentHelp("Write the importance matrix that it is beside all else, too: a GGUF.", valueName: "file"),
    completion: .file(), transform: OutputPath.checked)
  var imatrix: String?

  @Option(
    help: ArgumentHelp(
      "Tokenizer to use: a folder, a tokenizer file or a GGUF. The model's own by default.", valueName: "path"),
    completion: .file(), transform: InputPath.model)
  var tokenizer: String?

  @Option(help: ArgumentHelp("Memory that it may take, as 4GB; what is free by default.", valueName: "size"))
  var memory: ByteSize?

  @Flag(help: "Tell sizes, memory and time, and write nothing.")
  var dryRun = false

  @Flag(name: .shortAndLong, help: "Replace the output if it is there already.")
  var force = false

  @OptionGroup var calibrating: CalibratingOptions
  @OptionGroup var adapters: AdapterOptions
  @OptionGroup(title: "Reading") var cutting: PreTokenizerOptions
  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    guard let model else {
      guard merge.count > 1 else {
        throw ValidationError(
          merge.isEmpty ? "A model is needed, or --merge." : "--merge needs two calibrations at least.")
      }
      let others = [
        calibrating.given, imatrix.map { _ in "--imatrix" }, tokenizer.map { _ in "--tokenizer" },
        memory.map { _ in "--memory" }, dryRun ? "--dry-run" : nil, cutting.preTokenizer.map { _ in "--pre-tokenizer" },
        adapters.adapters.isEmpty ? nil : "--adapter",
      ]
      if let other = others.compactMap(\.self).first {
        throw ValidationError("\(other) is for a model that reads texts; with --merge nothing is read.")
      }
      return
    }
    if !merge.isEmpty {
      throw ValidationError(
        "--merge adds up calibrations that are there, and \(model) is a model; calibrate it with --mergeable first.")
    }
  }

  func run() async throws {
    let start = ContinuousClock.now
    guard let model else { return try mergeAll(since: start) }
    let checkpoint = try adapters.merged(into: try Checkpoint.openedToRun(model))
    talk.tell(checkpoint.notes)
    let job = try CalibrationJob(
      checkpoint, calibrating.request, tokenizer: tokenizer, cutting, memory: memory, workers: workers.count)
    let inputs = try job.inputPaths
    if let imatrix, try FileOutput(imatrix, replacing: force).hasSamePlace(as: output) {
      throw FileError(.exists, path: imatrix, "is the calibration's own name; give the importance matrix another one")
    }
    for path in [output] + (imatrix.map { [$0] } ?? []) {
      let file = FileOutput(path, replacing: force)
      try file.check(against: inputs, spent: [])
      try file.checkRoom()
    }
    let price = try job.price()
    if dryRun { return try show(price) }
    let calibrator = try await job.write(to: output, replacing: force)
    if let imatrix {
      let matrix = try CalibrationFile(path: output).importance(of: checkpoint)
      Terminal.tellLeft(try matrix.write(to: imatrix, replacing: force, reading: inputs))
    }
    try show(
      calibrator.settings, layers: calibrator.sweep.layers.count, seconds: (ContinuousClock.now - start).seconds)
  }

  private func mergeAll(since start: ContinuousClock.Instant) throws {
    let file = FileOutput(output, replacing: force)
    try file.check(against: merge)
    try file.checkRoom()
    let calibrations = try merge.map { path throws(FileError) in try CalibrationFile(path: path) }
    StatusLine.shared.begin("merging")
    Terminal.tellLeft(
      try CalibrationFile.merge(calibrations, to: output, replacing: force) { done, count in
        StatusLine.shared.begin("merging: layer \(done) of \(count)")
      })
    StatusLine.shared.end()
    let merged = try CalibrationFile(path: output)
    try show(merged.settings, layers: merged.keys.count, seconds: (ContinuousClock.now - start).seconds)
  }

  // MARK: - Telling

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

  private func show(_ settings: CalibrationSettings, layers: Int, seconds: Double) throws {
    if talk.json {
      return try Terminal.result(
        JSONText.of([
          "output": .string(output), "bytes": .integer(try FileSystem.byteCount(output) ?? 0),
          "layers": .integer(layers),
          "texts": .array(settings.texts.map(\.json)), "fisher": .bool(settings.isFisher),
          "context": .integer(settings.context),
          "seconds": .number(seconds),
        ]))
    }
    guard !talk.quiet else { return }
    Terminal.note(
      "wrote \(output): \(layers) linear layers, "
        + "\(NumberText.bytes(try FileSystem.byteCount(output) ?? 0)), in \(DurationText.of(seconds))")
    Terminal.note(settings.readTexts)
  }
}

extension CalibrationSettings {
  /// How much of each text was read, as a line.
  var readTexts: String {
    "tokens of each kind of text, and of those held back: "
      + texts.map { "\($0.name) \(NumberText.grouped($0.tokens)) (\(NumberText.grouped($0.heldBackTokens)))" }
      .joined(separator: ", ")
  }
}
