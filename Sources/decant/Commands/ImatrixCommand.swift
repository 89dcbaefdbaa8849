internal import Architectures
internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Evaluation
internal import Inference
internal import JSON
internal import Tensors

struct ImatrixCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "imatrix",
    abstract: "Collect how much each column of the weights matters, for quantizing.",
    discussion: """
      The model reads the text, and the squares of what each linear layer is given
      are summed column by column: an importance matrix, as llama-imatrix makes it
      and llama-quantize --imatrix takes it. The protocol is theirs: windows of
      --context tokens without overlap, each begun with the BOS token. Text like
      what the model will be used for serves best; some hundred windows will do.

      With --merge, other matrices of the same model are added: GGUF files, or
      files of llama-imatrix's old form. Without MODEL and --text, nothing else is
      in the output.

      With --part, a text is divided among machines: each reads its share of the
      windows and writes it to a folder beside the output, OUT.parts. decant assemble
      OUT makes the output of all parts, the same file, byte for byte, that one
      machine would have written. A part that is there already is not made again.

      The sums are saved as they grow, after each few thousand tokens, in a hidden
      file beside the output: after Ctrl-C or a kill the same command goes on from
      what is saved.

      With --json: output, bytes, weights (how many have an entry), chunks, context,
      datasets, seconds; with --part also part (2/4), and output is the part's file.

      EXAMPLES
        decant imatrix Llama-3.2-1B/ --text calibration.txt --output imatrix.gguf
        decant imatrix llama-q8_0.gguf --text more.txt --merge imatrix.gguf \\
            --output both.gguf
        decant imatrix --merge more.gguf old.dat --output all.gguf
        decant imatrix Llama-3.2-1B/ --text calibration.txt --output imatrix.gguf \\
            --part 2/4
      """)

  @Argument(help: "Model to run: a file or a folder.", completion: .file(), transform: InputPath.model)
  var model: String?

  @Option(
    help: ArgumentHelp("Text to read; - for standard input.", valueName: "file"), completion: .file(),
    transform: InputPath.file)
  var text: String?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("File to write, a GGUF.", valueName: "file"), completion: .file(),
    transform: OutputPath.checked)
  var output: String

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Importance matrices to add. Windows of the old form are taken to have --context tokens.",
      valueName: "file ..."), completion: .file(), transform: InputPath.file)
  var merge: [String] = []

  @Flag(help: "Collect for output.weight too, if the model has one. It is mostly better quantized without.")
  var processOutput = false

  @Option(help: ArgumentHelp("Leave out the first n windows of the text.", valueName: "n"))
  var skipChunks = 0

  @Flag(name: .shortAndLong, help: "Replace the output if it is there already.")
  var force = false

  @Flag(
    inversion: .prefixedNo,
    help: "Go on with what an earlier run of the same command that was stopped has collected.")
  var resume = true

  @OptionGroup var adapters: AdapterOptions
  @OptionGroup(title: "Parts") var parts: PartOptions
  @OptionGroup(title: "Reading") var reading: ReadingOptions
  @OptionGroup(title: "Reading") var cutting: PreTokenizerOptions
  @OptionGroup(title: "Reading") var memory: MemoryOptions
  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    if (model == nil) != (text == nil) {
      throw ValidationError(
        model == nil
          ? "--text needs a model to read it" + (merge.isEmpty ? "." : "; name it before --merge.")
          : "What is the model to read? Name it with --text."
      )
    }
    if parts.part != nil, !merge.isEmpty {
      throw ValidationError("--part and --merge exclude each other; merge what was assembled.")
    }
    if model == nil, merge.isEmpty { throw ValidationError("A model and --text are needed, or --merge.") }
    if model == nil {
      for (option, isGiven) in [
        ("--process-output", processOutput), ("--skip-chunks", skipChunks > 0), ("--chunks", reading.chunks != nil),
        ("--tokenizer", reading.tokenizer != nil), ("--pre-tokenizer", cutting.preTokenizer != nil),
        ("--memory", memory.memory != nil),
        ("--adapter", !adapters.adapters.isEmpty), ("--part", parts.part != nil),
      ] where isGiven {
        throw ValidationError("\(option) is for a model that reads a text; name both, or leave it out.")
      }
    }
    if skipChunks < 0 { throw ValidationError("--skip-chunks must be at least 0.") }
  }

  func run() async throws {
    if let part = parts.part, let model, let text { return try await run(part, of: text, by: model) }
    let start = ContinuousClock.now
    let file = FileOutput(output, replacing: force)
    try file.check(against: [model, text].compactMap(\.self), spent: merge)
    try file.checkRoom()
    var inputs = merge
    var record: MeasurementRecord?
    var matrices = try merge.map { path throws(FileError) in try ImportanceMatrix(path: path) }
    if let model, let text {
      let checkpoint = try adapters.merged(into: try Checkpoint.openedToRun(model))
      talk.tell(checkpoint.notes)
      inputs += try checkpoint.inputPaths + reading.inputPaths(with: text)
      try file.check(against: inputs.filter { !merge.contains($0) }, spent: merge)
      try refuseOthers(matrices, than: checkpoint)
      let reader = try Reader(of: text, by: checkpoint, self)
      let kept = try self.record(beside: output, of: reader.fingerprint, reader, reading: inputs)
      matrices.append(try await collected(reader, record: kept))
      record = kept
    }
    let lengths = Set(matrices.compactMap(\.chunkSize)).sorted()
    if lengths.count > 1, !talk.quiet {
      Terminal.note(
        "note: windows of \(lengths.map(String.init).joined(separator: " and ")) tokens are merged; the file has a word "
          + "for one length only, as llama-imatrix's have, and says that of the first")
    }
    let matrix = try ImportanceMatrix.merged(matrices, name: output, unstatedChunkSize: reading.context)
    Terminal.tellLeft(try matrix.write(to: output, replacing: force, reading: inputs))
    Terminal.noting { () throws(FileError) in try record?.remove() }
    try show(matrix, in: output, seconds: (ContinuousClock.now - start).seconds)
  }

  /// Reads a share of the windows, unless that was done before.
  private func run(_ part: Part, of text: String, by model: String) async throws {
    let start = ContinuousClock.now
    let checkpoint = try adapters.merged(into: try Checkpoint.openedToRun(model))
    talk.tell(checkpoint.notes)
    let inputs = try checkpoint.inputPaths + reading.inputPaths(with: text)
    // The whole is not written yet, and what is said of its name is said before anything is read.
    try FileOutput(output, replacing: force).check(against: inputs)
    let folder = PartsFolder(of: output)
    let path = folder.path(ofMatrix: part)
    let reader = try Reader(of: text, by: checkpoint, self)
    let job = ImportancePart(part, of: reader.fingerprint)
    if !force, try FileSystem.isTaken(path) {
      let before = try ImportanceMatrix(path: path)
      guard before.part == job else {
        throw FileError(
          .exists, path: path,
          "is there already, and is of another job: of another model, text or version, with other options or on another "
            + "kind of processor", remedy: .replaceExisting)
      }
      if !talk.quiet { Terminal.note("\(path) is there already: part \(part) of this job is done") }
      return try show(before, in: path, seconds: nil)
    }
    try folder.make()
    if !force { try refuseOthers(than: job, in: folder) }
    let file = FileOutput(path, replacing: force)
    try file.check(against: inputs)
    try file.checkRoom()
    let share = reader.taking(part)
    let record = try self.record(beside: path, of: "part \(part) \(reader.fingerprint)", share, reading: inputs)
    let collected = try await collected(share, record: record)
    let matrix = ImportanceMatrix(
      name: path, entries: collected.entries, datasets: collected.datasets, chunkCount: collected.chunkCount,
      chunkSize: collected.chunkSize, part: job)
    Terminal.tellLeft(try matrix.write(to: path, replacing: force, reading: inputs))
    Terminal.noting { () throws(FileError) in try record.remove() }
    try show(matrix, in: path, seconds: (ContinuousClock.now - start).seconds)
  }

  /// - Throws: `FileError` where a part is there that does not belong with this one.
  private func refuseOthers(than job: ImportancePart, in folder: PartsFolder) throws(FileError) {
    guard let path = try folder.matrixPaths().first, let other = try ImportanceMatrix(path: path).part,
      other.plan != job.plan || other.part.count != job.part.count
    else { return }
    throw FileError(
      .exists, path: path,
      "is part \(other.part) of another job: of another model, text or version, with other options or on another kind of "
        + "processor; give the options that it was made with, or name another output")
  }

  /// What is kept of the sums until the output is there.
  private func record(
    beside output: String, of fingerprint: String, _ reader: Reader, reading inputs: [String]
  ) throws(FileError) -> MeasurementRecord {
    let record = try MeasurementRecord(
      path: FileSystem.join(FileSystem.parent(output), ".\(FileSystem.lastComponent(output)).collected"),
      fingerprint: fingerprint, sources: reader.checkpoint.fileIdentities, reading: inputs, isResuming: resume,
      replacingOthers: true)
    record.tell(talk, toStartOver: "--no-resume starts over")
    return record
  }

  /// What cannot be merged in the end is told before the model runs.
  private func refuseOthers(_ matrices: [ImportanceMatrix], than checkpoint: Checkpoint) throws {
    guard !matrices.isEmpty else { return }
    _ = try ImportanceMatrix.merged(matrices, unstatedChunkSize: reading.context)
    let names = try checkpoint.ggufNames()
    for tensor in checkpoint.tensors {
      guard let name = names[tensor.name]?.first else { continue }
      let shape = try DerivedTensor(tensor.derivation, inputs: checkpoint.inputs).shape
      guard shape.count == 2, (checkpoint.model?.expertCount ?? 0) == 0 else { continue }
      for matrix in matrices { _ = try matrix.weights(for: name, columns: shape[1]) }
    }
  }

  /// A model and the windows that it reads.
  private struct Reader {
    let checkpoint: Checkpoint
    let text: String
    let includesHead: Bool
    /// What tells the job from every other.
    let fingerprint: String
    private(set) var windows: EvaluationWindows

    init(of text: String, by checkpoint: Checkpoint, _ command: ImatrixCommand) throws {
      self.text = text
      self.checkpoint = checkpoint
      windows = try command.reading.windows(
        of: text, for: checkpoint, skipping: command.skipChunks, command.cutting)
      // llama-imatrix does not collect for an embedding either.
      includesHead =
        try command.processOutput && checkpoint.requireModel().forwardPass(path: checkpoint.path).hasOwnHead
      fingerprint = try RecordOptions.fingerprint(
        of: "exact imatrix \(includesHead)", [checkpoint], over: windows)
      if command.processOutput, !includesHead, !command.talk.quiet {
        Terminal.note("note: the head is the embedding, so nothing is collected for it")
      }
    }

    func taking(_ part: Part) -> Reader {
      var share = self
      share.windows = windows.part(part)
      return share
    }
  }

  private func collected(_ reader: Reader, record: MeasurementRecord) async throws -> ImportanceMatrix {
    let (checkpoint, windows) = (reader.checkpoint, reader.windows)
    StatusLine.shared.begin("loading \(checkpoint.path)")
    let model = try LoadedModel(running: checkpoint)
    let progress = MeasuringProgress(talk, windows: windows.windows.count, record: record)
    defer { progress.end() }
    let evaluator = try memory.evaluator(of: [model], over: windows, workers: workers.count, path: checkpoint.path)
    let squares = try await evaluator.inputSquares(
      of: model, over: windows, includingHead: reader.includesHead, record: record
    ) { progress.show(window: $0) }
    try checkpoint.requireUnchanged()
    let entries = try ImportanceMatrix.entries(
      of: squares.layers.map { ($0.name, .init(exactly: $0.sums, counts: [$0.tokens])) }, checkpoint.ggufNames(),
      path: checkpoint.path)
    // The name of a pipe says nothing, and is another one in every run.
    let isFile = reader.text == "-" ? false : try FileSystem.isFile(reader.text)
    return ImportanceMatrix(
      name: checkpoint.path, entries: entries, datasets: [isFile ? reader.text : "-"],
      chunkCount: windows.windows.count, chunkSize: reading.context)
  }

  /// - Parameter seconds: nil where nothing was to be done.
  private func show(_ matrix: ImportanceMatrix, in output: String, seconds: Double?) throws {
    if talk.json {
      var members: [String: JSONValue] = [
        "output": .string(output), "bytes": .integer(try FileSystem.byteCount(output) ?? 0),
        "weights": .integer(matrix.entries.count), "chunks": .integer(matrix.chunkCount),
        "context": .integer(matrix.chunkSize ?? 0), "datasets": .array(matrix.datasets.map { .string($0) }),
        "seconds": .number(seconds ?? 0),
      ]
      members["part"] = matrix.part.map { .string($0.part.description) }
      return try Terminal.result(JSONText.of(.object(members)))
    }
    guard !talk.quiet, let seconds else { return }
    let windows = "\(matrix.chunkCount) window\(matrix.chunkCount == 1 ? "" : "s")"
    for name in matrix.weightNames {
      let counts = matrix.entries[name]?.counts ?? []
      let unseen = counts.count { $0 == 0 }
      if unseen > 0 {
        Terminal.note("note: the text never reached \(unseen) of the \(counts.count) matrices of \(name)")
      }
    }
    Terminal.note(
      "wrote \(output): \(matrix.entries.count) weights, \(windows) in \(DurationText.of(seconds))"
        + (matrix.part.map { "; part \($0.part), which decant assemble \(self.output) puts together with the others" }
          ?? ""))
  }
}
