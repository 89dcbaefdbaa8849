internal import Allocation
internal import Bytes
internal import Calibration
internal import Conversion
internal import Evaluation
internal import Inference

/// A type for each tensor, chosen to keep to a target.
struct TargetJob {
  let target: SizeTarget
  let checkpoint: Checkpoint
  /// What stands beside types.
  let recipe: Recipe
  let destination: Destination
  let rules: [(name: String, rule: Recipe.Rule)]
  /// Whether predictions are measured.
  let isMeasured: Bool
  /// In place of the model's own.
  let tokenizer: String?
  let options: OutputOptions

  /// The search, before anything is encoded.
  /// - Throws: `FileError` for whatever makes the output impossible.
  func search() async throws -> (search: TargetSearch, note: String?) {
    let recipe = try options.applied(to: recipe, of: checkpoint, for: destination)
    let (gate, note) = try await gate(recipe.calibration)
    let trial = try TrialOutputs(
      of: checkpoint, recipe, for: destination, gate: gate, workers: Workers(count: options.workers.count))
    let mixes =
      destination.container == .gguf
      ? NamedMix.all.filter { !$0.needsImportance || recipe.importance != nil || recipe.calibration != nil } : []
    return (
      try TargetSearch(target, types: rules, mixes: mixes.map { ($0.name, .mix($0)) }, trial), note
    )
  }

  /// Measures predictions, where they can be.
  private func gate(_ calibration: (any Calibration)?) async throws -> (CalibrationGate?, note: String?) {
    guard isMeasured else { return (nil, nil) }
    let workers = Workers(count: options.workers.count)
    if let calibration { return (try CalibrationGate(calibration, before: checkpoint, workers: workers), nil) }
    let named = try tokenizer.map { try ModelTokenizer.load($0, preTokenizer: options.cutting.preTokenizer) }
    do {
      let tokenizer = try named ?? ModelTokenizer.load(of: checkpoint, preTokenizer: options.cutting.preTokenizer)
      let model = try LoadedModel(running: checkpoint)
      return (try await CalibrationGate(of: model, tokenizer: tokenizer, workers: workers), nil)
    } catch let error as FileError {
      if case .divergence = target { throw error }
      return (nil, "types are chosen by the errors of weights alone, since the model cannot be run: \(error)")
    }
  }

  /// Encodes, measures and chooses.
  func run(_ search: TargetSearch) async throws -> TargetReport {
    let start = ContinuousClock.now
    let names = rules.map(\.name)
    let outcome = try await search.run { event in
      switch event {
      case .survey(.encoding(let type)):
        StatusLine.shared.begin("encoding with \(names[type]) (\(type + 1) of \(names.count)), to see what it costs")
      case .survey(.measuring(let tensor)):
        StatusLine.shared.begin("measuring what tensors like \(tensor) cost")
      case .measuring(let candidate):
        StatusLine.shared.begin(
          "measuring types of \(NumberText.bytes(candidate.byteCount)) (\(candidate.name))")
      }
    }
    StatusLine.shared.end()
    return TargetReport(target: target, outcome: outcome, seconds: (ContinuousClock.now - start).seconds)
  }
}
