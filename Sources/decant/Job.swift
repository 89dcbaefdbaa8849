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
  private let reading: [String]
  /// - Parameter alsoReading: paths of what the job reads besides.
  /// - Parameter isReference: whether codes are left to the types' own encoders.
  private let plan: (_ destination: Destination, _ alsoReading: [String], _ isReference: Bool) throws(FileError) -> Plan

  /// - Parameter reading: paths of what else is read.
  init(
    _ checkpoint: Checkpoint, to output: String, recipe: Recipe, _ options: OutputOptions, _ talk: TalkOptions,
    reading: [String] = []
  ) {
    self.reading = reading
    self.output = output
    self.recipe = recipe
    self.options = options
    self.talk = talk
    before = PlanReport.Before(byteCount: checkpoint.fileByteCount, bitsPerWeight: checkpoint.bitsPerWeight)
    plan = { destination, alsoReading, isReference throws(FileError) in
      var recipe = recipe
      recipe.leavesCodesToReference = isReference
      recipe = try options.applied(to: recipe, of: checkpoint, for: destination)
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
    reading = []
    self.output = output
    recipe = Recipe(.keep)
    self.options = options
    self.talk = talk
    before = PlanReport.Before(byteCount: adapter.fileByteCount, bitsPerWeight: adapter.bitsPerWeight)
    plan = { destination, _, _ throws(FileError) in
      try Plan(converting: adapter, of: base, to: destination, type: type, name: options.name)
    }
  }

  /// What is done beside with an output that a calibration chooses codes for.
  struct Calibrating {
    let before: Checkpoint
    let calibration: any Calibration
    /// Where it is made while the output is.
    let accompanying: CalibrationJob.Accompanying?
    /// Whether the output is measured beside that of the types' own encoders.
    let isMeasured: Bool
    /// Whether it is kept where it is worse.
    let keepsWorse: Bool
  }

  /// - Parameters:
  ///   - verification: what is measured of the output when it is there; nil for nothing.
  ///   - calibrating: where a calibration chooses codes.
  ///   - target: how the types were found, where they were.
  ///   - savingRecipe: a file that takes the type of each tensor.
  func run(
    verification: Verification? = nil, calibrating: Calibrating? = nil, target: TargetReport? = nil,
    savingRecipe: FileOutput? = nil
  ) async throws {
    let start = ContinuousClock.now
    let destination = try options.destination(output, for: recipe)
    StatusLine.shared.begin("planning")
    var failures = FileErrors()
    let alsoReading = try reading + (verification?.inputPaths ?? []) + (calibrating?.calibration.inputPaths ?? [])
    let planned = failures.attempt { () throws(FileError) in try plan(destination, alsoReading, false) }
    failures.attempt { () throws(FileError) in try destination.checkRoom(for: planned) }
    var page: FileOutput?
    failures.attempt { () throws(FileError) in page = try verification?.page(besides: destination) }
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
    let calibrated = try calibrating.map {
      try CalibratedJob($0, recipe, destination, workers: options.workers.count) { [makePlan = self.plan] in
        try makePlan($0, alsoReading, true)
      }
    }
    if let savingRecipe {
      let document = TypeTable(of: plan).document(origin: target?.origin ?? [:])
      Terminal.tellLeft(try savingRecipe.write(Array(JSONText.of(document).utf8) + [UInt8(ascii: "\n")]))
    }
    try await calibrated?.measureReference(isResuming: options.resume)
    let progress = Progress(totalElements: plan.parameterCount, talk)
    let pouring = ContinuousClock.now
    let poured: PourReport
    if let accompanying = calibrating?.accompanying {
      poured = try await plan.pour(
        following: accompanying.calibration, workers: options.workers.count, isResuming: options.resume,
        onEvent: { progress.show($0) }, collect: accompanying.collect
      ) {
        try self.plan(destination, alsoReading, false)
      }
    } else {
      poured = try await plan.pour(workers: options.workers.count, isResuming: options.resume) { progress.show($0) }
    }
    progress.end()
    Terminal.tellLeft(poured.leftovers)
    let seconds = (planning + (ContinuousClock.now - pouring)).seconds
    if !talk.json, !talk.quiet {
      for line in report.summaryLines(movements: poured.movements, seconds: seconds, isVerbose: talk.verbose) {
        Terminal.note(line)
      }
    }
    try await calibrated?.measureOutput(plan)
    if let calibrated, !talk.json, !talk.quiet {
      calibrated.report.forEachLine(isVerbose: talk.verbose) { Terminal.note($0) }
      if !calibrated.report.isKept {
        Terminal.note(
          "note: on the text held back the calibrated output was worse, so that \(output) has the codes of the types' own "
            + "encoders; --keep-worse keeps it")
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
    if let page, let comparison { try ReportOptions.write(.comparisons([comparison]), to: page, talk) }
    if talk.json {
      var members = report.members
      members.merge(report.outcome(movements: poured.movements, seconds: seconds)) { own, _ in own }
      if let target { members["target"] = target.json }
      if let calibrated { members["calibration"] = calibrated.report.json }
      if let comparison { members["verification"] = comparison.json }
      try Terminal.result(JSONText.of(.object(members)))
    } else if let comparison, let verification {
      try verification.measuring.forms.show(comparison, .comparisons([comparison]), talk)
    }
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
