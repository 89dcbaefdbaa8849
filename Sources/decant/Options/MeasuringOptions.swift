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

  @OptionGroup var memory: MemoryOptions

  @Flag(help: "Print the result as Markdown, for a model card.")
  var markdown = false

  /// Refuses what would change nothing.
  /// - Parameters:
  ///   - calibrates: whether text is read, and the model run, to calibrate it.
  ///   - searches: so to choose types.
  func checkUse(
    isMeasuring: Bool, calibrates: Bool = false, searches: Bool = false, _ talk: TalkOptions
  ) throws {
    if markdown, talk.json { throw ValidationError("--markdown and --json exclude each other.") }
    guard !isMeasuring else { return }
    for (option, isGiven) in [
      ("--context", reading.givenContext != nil), ("--chunks", reading.chunks != nil),
      ("--tokenizer", reading.tokenizer != nil && !calibrates && !searches), ("--markdown", markdown),
      ("--memory", memory.memory != nil && !calibrates),
    ] where isGiven {
      throw ValidationError("\(option) changes nothing without --verify.")
    }
  }

  // MARK: - Measuring

  func perplexity(
    of checkpoint: Checkpoint, over windows: EvaluationWindows, record: MeasurementRecord?, workers: Int,
    _ talk: TalkOptions
  ) async throws -> PerplexityReport {
    StatusLine.shared.begin("loading \(checkpoint.path)")
    let model = try LoadedModel(running: checkpoint)
    let progress = MeasuringProgress(talk, windows: windows.windows.count, record: record)
    defer { progress.end() }
    let evaluator = try memory.evaluator(of: [model], over: windows, workers: workers, path: checkpoint.path)
    let result = try await Self.refusing(checkpoint.path) {
      try await evaluator.perplexity(of: model, over: windows, record: record) { progress.show($0) }
    }
    try checkpoint.requireUnchanged()
    return PerplexityReport(file: Self.file(checkpoint), perplexity: result)
  }

  /// Runs two models side by side.
  func comparison(
    before: Checkpoint, after: Checkpoint, over windows: EvaluationWindows, record: MeasurementRecord? = nil,
    workers: Int, shownTensors: Int = 10, lastWords: String? = nil, _ talk: TalkOptions
  ) async throws -> ComparisonReport {
    StatusLine.shared.begin("loading \(before.path) and \(after.path)")
    let (one, other) = (try LoadedModel(running: before), try LoadedModel(running: after))
    let progress = MeasuringProgress(talk, windows: windows.windows.count, record: record, lastWords: lastWords)
    defer { progress.end() }
    let evaluator = try memory.evaluator(of: [one, other], over: windows, workers: workers, path: before.path)
    let pairs = try Self.pairs(before, after)
    return try await Self.refusing(after.path) {
      let comparison = try await evaluator.compare(before: one, after: other, over: windows, record: record) {
        progress.show($0)
      }
      StatusLine.shared.begin("comparing the tensors")
      let errors = try await TensorMeasurement(workers: evaluator.workers).errors(of: pairs)
      for model in [before, after] { try model.requireUnchanged() }
      return ComparisonReport(
        before: Self.file(before), after: Self.file(after), comparison: comparison, tensors: errors,
        shownTensors: shownTensors)
    }
  }

  /// Writes the logits of all scored positions as rows of little-endian F32, to compare with other programs.
  func writeLogits(
    of checkpoint: Checkpoint, over windows: EvaluationWindows, to path: String, reading inputs: [String],
    replacing: Bool, isResuming: Bool, workers: Int, _ talk: TalkOptions
  ) async throws {
    StatusLine.shared.begin("loading \(checkpoint.path)")
    let model = try LoadedModel(running: checkpoint)
    let team = try memory.evaluator(of: [model], over: windows, workers: workers, path: checkpoint.path).workers
    let rowBytes = model.vocabularySize * MemoryLayout<Float>.size
    let output = try StagedOutput(
      .files, in: FileSystem.parent(path),
      files: [.init(name: FileSystem.lastComponent(path), byteCount: windows.scoredCount * rowBytes)],
      sources: checkpoint.inputFiles, reading: inputs, replacing: replacing,
      fingerprint: try RecordOptions.fingerprint(of: "logits", [checkpoint], over: windows), isResuming: isResuming)
    if output.replacesOtherJob { Terminal.tellOtherJob(talk) }
    if output.discardedItemCount > 0 {
      Terminal.tellDiscarded("the logits that an earlier run has written", talk)
    }
    do {
      for (number, window) in windows.windows.enumerated() where output.finishedItems[number] == nil {
        StatusLine.shared.begin("logits of window \(number + 1) of \(windows.windows.count)")
        try await model.forEachLogits(of: [window], at: windows.positions, workers: team) { _, position, logits in
          let row = number * windows.positions.count + position - windows.positions.lowerBound
          let values = logits.indices.map { logits[$0] }
          try values.withBytes { bytes throws(FileError) in try output.write(bytes, file: 0, at: row * rowBytes) }
        }
        try output.finish(item: number)
      }
      try checkpoint.requireUnchanged()
      Terminal.tellLeft(try output.commit())
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

  /// - Parameter notes: what opening the models found, for programs; people are told before.
  func show(_ report: some EvaluationReport, notes: [Note] = [], _ talk: TalkOptions) throws {
    let json = JSONValue.object((report.json.object ?? [:]).merging(["notes": notes.json]) { own, _ in own })
    let text = talk.json ? JSONText.of(json) : markdown ? report.markdown : report.plain
    try Terminal.result(text)
  }

  // MARK: - Parts

  func windows(
    of path: String, for checkpoint: Checkpoint, _ cutting: PreTokenizerOptions
  ) throws -> EvaluationWindows {
    try reading.windows(of: path, for: checkpoint, cutting)
  }

  private static func file(_ checkpoint: Checkpoint) -> MeasuredFile {
    MeasuredFile(
      name: ([checkpoint.path] + checkpoint.adapters.map(\.path)).map(FileSystem.lastComponent).joined(
        separator: " + "),
      bytes: checkpoint.fileByteCount,
      bitsPerWeight: checkpoint.bitsPerWeight)
  }

  /// Whether the models have other numbers of layers, so that a layer's number does not say which it was.
  static func layersDiffer(_ before: Checkpoint, _ after: Checkpoint) -> Bool {
    guard let one = before.model?.layerCount, let other = after.model?.layerCount else {
      return false
    }
    return one != other
  }

  /// The weights that both models have, under the names that they have in both, or in Hugging Face folders.
  private static func pairs(_ before: Checkpoint, _ after: Checkpoint) throws -> [TensorPair] {
    let isOfOtherLayers = layersDiffer(before, after)
    let names =
      before.metadata != nil && after.metadata != nil && before.model != nil ? try before.ggufNames() : [:]
    let others = Dictionary(after.tensors.map { ($0.name, $0.derivation) }, uniquingKeysWith: { first, _ in first })
    return try before.tensors.compactMap { tensor in
      guard let other = others[tensor.name], !isOfOtherLayers || LayerNames.layers(of: [tensor.name]) == nil else {
        return nil
      }
      return TensorPair(
        name: names[tensor.name]?.first ?? tensor.name,
        before: try DerivedTensor(tensor.derivation, inputs: before.inputs),
        encodingBefore: try before.inputs.typeName(of: tensor.derivation),
        after: try DerivedTensor(other, inputs: after.inputs),
        encodingAfter: try after.inputs.typeName(of: other))
    }
  }
}
