internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON
internal import Synchronization

/// A conversion as the commands run it: plan, print or pour, report.
struct Job {
  let checkpoint: Checkpoint
  let output: String
  let recipe: Recipe
  let options: OutputOptions
  let talk: TalkOptions

  init(_ checkpoint: Checkpoint, to output: String, recipe: Recipe, _ options: OutputOptions, _ talk: TalkOptions) {
    self.checkpoint = checkpoint
    self.output = output
    self.recipe = recipe
    self.options = options
    self.talk = talk
  }

  /// - Parameter verification: what is measured of the output when it is there; nil for nothing.
  func run(verification: Verification? = nil) async throws {
    let start = ContinuousClock.now
    let destination = try options.destination(output, for: recipe)
    var recipe = recipe
    recipe.modelName = options.name
    recipe.preTokenizer = options.cutting.preTokenizer
    if options.allowNonfinite {
      StatusLine.shared.begin("looking for values that are NaN or infinite")
      recipe = recipe.keeping(
        try NonFinite.outputsToKeep(of: checkpoint, for: destination, recipe: recipe))
    }
    StatusLine.shared.begin("planning")
    var failures = FileErrors()
    let alsoReading = try verification?.inputPaths ?? []
    let planned = failures.attempt { [recipe] () throws(FileError) in
      try Plan(
        converting: checkpoint, to: destination, recipe: recipe, alsoReading: alsoReading)
    }
    failures.attempt { () throws(FileError) in try destination.checkRoom(for: planned) }
    if options.dryRun, let planned {
      let report = PlanReport(planned, checkpoint)
      if talk.json {
        try Terminal.result(JSONText.of(.object(report.members)))
      } else {
        try Terminal.results { line throws(FileError) in try report.write(isVerbose: talk.verbose, line) }
      }
    }
    try failures.check()
    guard !options.dryRun, let plan = planned else { return }
    let report = PlanReport(plan, checkpoint)
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
