internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON
internal import Quantization
internal import Synchronization

/// A conversion as the commands run it: plan, print or pour, report.
struct Job {
  private let output: String
  private let recipe: Recipe
  private let options: OutputOptions
  private let talk: TalkOptions
  private let before: PlanReport.Before
  /// - Parameter alsoReading: paths of what the job reads besides.
  private let plan: (_ destination: Destination, _ alsoReading: [String]) throws(FileError) -> Plan

  init(_ checkpoint: Checkpoint, to output: String, recipe: Recipe, _ options: OutputOptions, _ talk: TalkOptions) {
    self.output = output
    self.recipe = recipe
    self.options = options
    self.talk = talk
    before = PlanReport.Before(byteCount: checkpoint.fileByteCount, bitsPerWeight: checkpoint.bitsPerWeight)
    plan = { destination, alsoReading throws(FileError) in
      var recipe = recipe
      recipe.modelName = options.name
      recipe.preTokenizer = options.cutting.preTokenizer
      recipe.isExactOnly = options.exactOnly
      if options.allowNonfinite {
        StatusLine.shared.begin("looking for values that are NaN or infinite")
        recipe = recipe.keeping(try NonFinite.outputsToKeep(of: checkpoint, for: destination, recipe: recipe))
        StatusLine.shared.begin("planning")
      }
      return try Plan(
        converting: checkpoint, to: destination, recipe: recipe, alsoReading: alsoReading,
        workers: options.workers.count)
    }
  }

  /// An adapter that becomes a GGUF.
  init(
    _ adapter: Adapter, of base: AdapterBase, to output: String, type: TargetType?, _ options: OutputOptions,
    _ talk: TalkOptions
  ) {
    self.output = output
    recipe = Recipe(.keep)
    self.options = options
    self.talk = talk
    before = PlanReport.Before(byteCount: adapter.fileByteCount, bitsPerWeight: adapter.bitsPerWeight)
    plan = { destination, _ throws(FileError) in
      try Plan(converting: adapter, of: base, to: destination, type: type, name: options.name)
    }
  }

  /// - Parameter verification: what is measured of the output when it is there; nil for nothing.
  func run(verification: Verification? = nil) async throws {
    let start = ContinuousClock.now
    let destination = try options.destination(output, for: recipe)
    StatusLine.shared.begin("planning")
    var failures = FileErrors()
    let alsoReading = try verification?.inputPaths ?? []
    let planned = failures.attempt { () throws(FileError) in try plan(destination, alsoReading) }
    failures.attempt { () throws(FileError) in try destination.checkRoom(for: planned) }
    if options.dryRun, let planned {
      let report = PlanReport(planned, before)
      if talk.json {
        try Terminal.result(JSONText.of(.object(report.members)))
      } else {
        try Terminal.results { line throws(FileError) in try report.write(isVerbose: talk.verbose, line) }
      }
    }
    try failures.check()
    guard !options.dryRun, let plan = planned else { return }
    let report = PlanReport(plan, before)
    talk.tell(plan.notes)
    let planning = ContinuousClock.now - start
    let read = try verification?.read(workers: options.workers.count)
    let progress = Progress(totalElements: plan.parameterCount, talk)
    let pouring = ContinuousClock.now
    let poured = try await plan.pour(workers: options.workers.count, isResuming: options.resume) { progress.show($0) }
    progress.end()
    Terminal.tellLeft(poured.leftovers)
    let seconds = (planning + (ContinuousClock.now - pouring)).seconds
    if !talk.json, !talk.quiet {
      for line in report.summaryLines(movements: poured.movements, seconds: seconds, isVerbose: talk.verbose) {
        Terminal.note(line)
      }
    }
    var comparison: ComparisonReport?
    if let verification, let read {
      // While the output was written a signal was only taken note of.
      if Interruption.signal != nil {
        throw FileError(.interrupted, path: plan.outputPath, Verification.lastWords)
      }
      comparison = try await verification.comparison(
        with: try Checkpoint(path: plan.outputPath), over: read, workers: options.workers.count, talk)
    }
    if talk.json {
      var members = report.members
      members.merge(report.outcome(movements: poured.movements, seconds: seconds)) { own, _ in own }
      if let comparison { members["verification"] = comparison.json }
      try Terminal.result(JSONText.of(.object(members)))
    } else if let comparison, let verification {
      try verification.measuring.show(comparison, talk)
    }
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
