internal import Bytes
internal import Conversion
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

  func run() async throws {
    let destination = try options.destination(output)
    var recipe = recipe
    if options.allowNonfinite {
      recipe = recipe.keeping(
        try NonFinite.outputsToKeep(of: checkpoint, for: destination, recipe: recipe))
    }
    let plan = try Plan(converting: checkpoint, to: destination, recipe: recipe)
    let report = PlanReport(plan, checkpoint)
    if options.dryRun {
      print(talk.json ? report.json() : report.table())
      return
    }
    if !talk.quiet {
      for note in plan.notes { Terminal.note("note: " + note) }
      for line in report.substitutionLines() { Terminal.note(line) }
    }
    let progress = Progress(totalElements: plan.parameterCount, talk)
    let start = ContinuousClock.now
    let poured = try await plan.pour(workers: options.workers) { progress.show($0) }
    progress.end()
    let seconds = (ContinuousClock.now - start).seconds
    if talk.json {
      print(report.json(movements: poured.movements, seconds: seconds))
    } else if !talk.quiet {
      for line in report.summaryLines(movements: poured.movements, seconds: seconds) { Terminal.note(line) }
    }
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
