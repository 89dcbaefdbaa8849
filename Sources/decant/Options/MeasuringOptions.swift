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

  @OptionGroup var forms: ReportOptions

  /// Refuses what would change nothing.
  /// - Parameters:
  ///   - calibrates: whether text is read, and the model run, to calibrate it.
  ///   - searches: so to choose types.
  func checkUse(
    isMeasuring: Bool, calibrates: Bool = false, searches: Bool = false, _ talk: TalkOptions
  ) throws {
    try forms.check(talk)
    guard !isMeasuring else { return }
    for (option, isGiven) in [
      ("--context", reading.givenContext != nil), ("--chunks", reading.chunks != nil),
      ("--tokenizer", reading.tokenizer != nil && !calibrates && !searches), ("--markdown", forms.markdown),
      ("--card", forms.card), ("--report", forms.report != nil),
      ("--memory", memory.memory != nil && !calibrates),
    ] where isGiven {
      throw ValidationError("\(option) changes nothing without --verify.")
    }
  }

  /// Refuses what a part of a measurement cannot be told as.
  func checkUse(of part: PartOptions, _ talk: TalkOptions) throws {
    guard part.part != nil else { return }
    for (option, isGiven) in [
      ("--markdown", forms.markdown), ("--card", forms.card), ("--report", forms.report != nil),
    ]
    where isGiven {
      throw ValidationError("--part and \(option) exclude each other; decant report makes it of all parts.")
    }
    guard talk.json else {
      throw ValidationError("--part needs --json: decant report puts the parts together from what is printed so.")
    }
  }

  // MARK: - Measuring

  /// - Parameter part: which part of the windows is measured; nil for all.
  func perplexity(
    of checkpoint: Checkpoint, over read: ReadingOptions.ReadText, part: Part? = nil, record: MeasurementRecord?,
    workers: Int, _ talk: TalkOptions
  ) async throws -> PerplexityReport {
    let windows = part.map(read.windows.part) ?? read.windows
    StatusLine.shared.begin("loading \(checkpoint.path)")
    let model = try LoadedModel(running: checkpoint)
    let progress = MeasuringProgress(talk, windows: windows.windows.count, record: record)
    defer { progress.end() }
    let evaluator = try memory.evaluator(of: [model], over: windows, workers: workers, path: checkpoint.path)
    let result = try await Self.refusing(checkpoint.path) {
      try await evaluator.perplexity(of: model, over: windows, record: record) { progress.show($0) }
    }
    let details = try await details(of: [checkpoint], read, part: part, workers: workers, talk)
    try checkpoint.requireUnchanged()
    let measured = try part.map { part throws(FileError) in
      MeasuredPart(
        part, of: try RecordOptions.fingerprint(of: "perplexity", [checkpoint], over: read.windows),
        windows: read.windows.windows.count, result)
    }
    return PerplexityReport(
      file: try MeasuredFile(checkpoint, digests: details?.digests[0]), perplexity: result,
      places: details == nil ? nil : result.places.map { ReportedPlaces($0, readBy: read.tokenizer) },
      origin: details?.origin, part: measured)
  }

  /// What only reports have that tell everything; nil where tables are all that is wanted. Of several parts the first one
  /// digests the models.
  private func details(
    of checkpoints: [Checkpoint], _ read: ReadingOptions.ReadText, part: Part?, workers: Int, _ talk: TalkOptions
  ) async throws(FileError) -> (origin: MeasurementOrigin, digests: [[String]])? {
    guard forms.wantsDetails(talk) else { return nil }
    var digests: [[String]] = []
    for checkpoint in checkpoints {
      guard part.map({ $0.number == 1 }) ?? true else {
        digests.append([])
        continue
      }
      StatusLine.shared.begin("digesting \(checkpoint.path)")
      digests.append(try await checkpoint.digests(workers: workers))
    }
    return (try MeasurementOrigin.current(read), digests)
  }

  /// Runs two models side by side.
  /// - Parameter part: which part of the windows and of the tensors is measured; nil for all.
  func comparison(
    before: Checkpoint, after: Checkpoint, over read: ReadingOptions.ReadText, part: Part? = nil,
    record: MeasurementRecord? = nil, workers: Int, shownTensors: Int = 10, lastWords: String? = nil,
    _ talk: TalkOptions
  ) async throws -> ComparisonReport {
    let windows = part.map(read.windows.part) ?? read.windows
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
      let share = part?.share(of: pairs.count) ?? pairs.indices
      let errors = try await TensorMeasurement(workers: evaluator.workers).errorsInOrder(of: Array(pairs[share]))
      let details = try await details(of: [before, after], read, part: part, workers: workers, talk)
      for model in [before, after] { try model.requireUnchanged() }
      let measured = try part.map { part throws(FileError) in
        MeasuredPart(
          part, of: try RecordOptions.fingerprint(of: "compare", [before, after], over: read.windows),
          windows: read.windows.windows.count, comparison, tensors: errors, ofTotal: pairs.count)
      }
      return ComparisonReport(
        before: try MeasuredFile(before, digests: details?.digests[0]),
        after: try MeasuredFile(after, digests: details?.digests[1]), comparison: comparison,
        places: details == nil ? nil : comparison.places.map { ReportedPlaces($0, readBy: read.tokenizer) },
        tensors: TensorError.ranked(errors), shownTensors: shownTensors, origin: details?.origin, part: measured)
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

  // MARK: - Parts

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
