internal import Architectures
internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Evaluation
internal import Inference
internal import JSON

/// How models are measured.
struct MeasuringOptions: ParsableArguments {
  @OptionGroup var reading: ReadingOptions

  @Flag(help: "Print the result as Markdown, for a model card.")
  var markdown = false

  // MARK: - Measuring

  func perplexity(
    of checkpoint: Checkpoint, text: String, _ saving: RecordOptions, workers: Int, _ talk: TalkOptions
  ) async throws {
    let windows = try windows(of: text, for: checkpoint)
    let record = try saving.record(
      of: "perplexity", [checkpoint], over: windows, inputs: checkpoint.inputPaths + reading.inputPaths(with: text),
      talk)
    let model = try LlamaModel(running: checkpoint)
    let progress = MeasuringProgress(talk)
    defer { progress.end() }
    let evaluator = Evaluator(workers: Workers(count: workers))
    let result = try await Self.refusing(checkpoint.path) {
      try await evaluator.perplexity(of: model, over: windows, record: record) { progress.show($0) }
    }
    try show(PerplexityReport(file: Self.file(checkpoint), perplexity: result), talk)
    record?.remove()
  }

  /// Runs two models side by side.
  func comparison(
    before: Checkpoint, after: Checkpoint, over windows: EvaluationWindows, record: MeasurementRecord? = nil,
    workers: Int, shownTensors: Int = 10, _ talk: TalkOptions
  ) async throws -> ComparisonReport {
    let (one, other) = (try LlamaModel(running: before), try LlamaModel(running: after))
    let progress = MeasuringProgress(talk)
    defer { progress.end() }
    let team = Workers(count: workers)
    let pairs = try Self.pairs(before, after)
    return try await Self.refusing(after.path) {
      let comparison = try await Evaluator(workers: team).compare(
        before: one, after: other, over: windows, record: record
      ) {
        progress.show($0)
      }
      let errors = try await TensorMeasurement(workers: team).errors(of: pairs)
      return ComparisonReport(
        before: Self.file(before), after: Self.file(after), comparison: comparison, tensors: errors,
        shownTensors: shownTensors)
    }
  }

  /// Writes the logits of all scored positions as rows of little-endian F32, to compare with other programs.
  func writeLogits(
    of checkpoint: Checkpoint, text: String, to path: String, replacing: Bool, workers: Int
  ) async throws {
    try FileOutput(path, replacing: replacing).check(against: checkpoint.inputPaths + reading.inputPaths(with: text))
    let windows = try windows(of: text, for: checkpoint)
    let model = try LlamaModel(running: checkpoint)
    let rowBytes = model.vocabularySize * MemoryLayout<Float>.size
    let output = try StagedOutput(
      .files, in: FileSystem.parent(path),
      files: [.init(name: FileSystem.lastComponent(path), byteCount: windows.scoredCount * rowBytes)],
      replacing: replacing, fingerprint: try RecordOptions.fingerprint(of: "logits", [checkpoint], over: windows))
    let team = Workers(count: workers)
    do {
      for (number, window) in windows.windows.enumerated() where output.finishedItems[number] == nil {
        try await model.forEachLogits(of: [window], at: windows.positions, workers: team) { _, position, logits in
          let row = number * windows.positions.count + position - windows.positions.lowerBound
          let values = logits.indices.map { logits[$0] }
          try values.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: row * rowBytes) }
        }
        try output.finish(item: number)
      }
      try output.commit()
    } catch let error as FileError {
      throw output.stopped(by: error)
    }
  }

  /// Gives what cannot be measured the name of the model.
  private static func refusing<Result>(_ path: String, _ measure: () async throws -> Result) async throws -> Result {
    do {
      return try await measure()
    } catch let error as EvaluationError {
      throw FileError(.mismatch, path: path, error.description)
    }
  }

  func show(_ report: some EvaluationReport, _ talk: TalkOptions) throws {
    let text = talk.json ? JSONText.of(report.json) : markdown ? report.markdown : report.plain
    try StandardOutput.writeLine(text)
  }

  // MARK: - Parts

  func windows(of path: String, for checkpoint: Checkpoint) throws -> EvaluationWindows {
    try reading.windows(of: path, for: checkpoint)
  }

  private static func file(_ checkpoint: Checkpoint) -> MeasuredFile {
    MeasuredFile(
      name: FileSystem.lastComponent(checkpoint.path), bytes: checkpoint.fileByteCount,
      bitsPerWeight: checkpoint.bitsPerWeight)
  }

  /// The weights that both models have, under their Hugging Face names.
  private static func pairs(_ before: Checkpoint, _ after: Checkpoint) throws -> [TensorPair] {
    let others = Dictionary(after.tensors.map { ($0.name, $0.derivation) }, uniquingKeysWith: { first, _ in first })
    return try before.tensors.compactMap { tensor in
      guard let other = others[tensor.name] else { return nil }
      return TensorPair(
        name: tensor.name, before: try DerivedTensor(tensor.derivation, inputs: before.inputs),
        encodingBefore: try before.inputs.typeName(of: tensor.derivation),
        after: try DerivedTensor(other, inputs: after.inputs),
        encodingAfter: try after.inputs.typeName(of: other))
    }
  }
}

/// The running figures of a measurement, on one line of standard error.
final class MeasuringProgress {
  private let isShown: Bool
  private let start = ContinuousClock.now

  init(_ talk: TalkOptions) {
    isShown = !talk.quiet && Terminal.errorIsTerminal
    if talk.verbose {
      Terminal.note("matrix kernels: \(Processor.matrixKernels), row kernels: \(Processor.rowKernels)")
    }
  }

  func show(_ progress: Evaluator.Progress) {
    var figures = "perplexity \(NumberText.fixed(progress.perplexity, 4))  "
    if let divergence = progress.divergence { figures += "KL \(NumberText.significant(divergence, 3))  " }
    show(window: progress.chunk, of: progress.chunks, figures)
  }

  func show(window: Int, of windows: Int, _ figures: String = "") {
    guard isShown else { return }
    let seconds = (ContinuousClock.now - start).seconds
    let left = seconds / Double(window) * Double(windows - window)
    Terminal.writeToError("\r\u{1B}[Kwindow \(window) of \(windows)  \(figures)\(DurationText.of(left)) left")
  }

  func end() {
    if isShown { Terminal.writeToError("\r\u{1B}[K") }
  }
}
