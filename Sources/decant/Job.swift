internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON
internal import Quantization
internal import Synchronization

/// A conversion as the commands run it: plan, print or pour, report. Of one model, into one output or several.
struct Job {
  /// An output, and what it is made by.
  struct Output {
    let path: String
    let recipe: Recipe
  }

  private let outputs: [Output]
  private let options: OutputOptions
  private let talk: TalkOptions
  private let before: PlanReport.Before
  private let reading: [String]
  /// - Parameter alsoReading: paths of what the job reads besides.
  /// - Parameter isReference: whether codes are left to the types' own encoders.
  private let plan:
    (_ recipe: Recipe, _ destination: Destination, _ alsoReading: [String], _ isReference: Bool) throws(FileError) ->
      Plan

  /// - Parameter reading: paths of what else is read.
  init(
    _ checkpoint: Checkpoint, to outputs: [Output], _ options: OutputOptions, _ talk: TalkOptions,
    reading: [String] = []
  ) {
    self.reading = reading
    self.outputs = outputs
    self.options = options
    self.talk = talk
    before = PlanReport.Before(byteCount: checkpoint.fileByteCount, bitsPerWeight: checkpoint.bitsPerWeight)
    plan = { recipe, destination, alsoReading, isReference throws(FileError) in
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
    outputs = [Output(path: output, recipe: Recipe(.keep))]
    self.options = options
    self.talk = talk
    before = PlanReport.Before(byteCount: adapter.fileByteCount, bitsPerWeight: adapter.bitsPerWeight)
    plan = { _, destination, _, _ throws(FileError) in
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

  /// What is known of an output before anything is written.
  private struct Planned {
    let recipe: Recipe
    let destination: Destination
    let plan: Plan
    /// The part of it that is made; nil for all of it.
    let part: PlanPart?
    let report: PlanReport

    /// What is made.
    var poured: Plan { part?.plan ?? plan }
  }

  /// - Parameters:
  ///   - verification: what is measured of the outputs when they are there; nil for nothing.
  ///   - calibrating: where a calibration chooses codes, of the only output.
  ///   - target: how the types of the only output were found, where they were.
  ///   - savingRecipe: a file that takes the type of each tensor of the only output.
  func run(
    verification: Verification? = nil, calibrating: Calibrating? = nil, target: TargetReport? = nil,
    savingRecipe: FileOutput? = nil
  ) async throws {
    let start = ContinuousClock.now
    StatusLine.shared.begin("planning")
    let alsoReading = try reading + (verification?.inputPaths ?? []) + (calibrating?.calibration.inputPaths ?? [])
    let (planned, page) = try planned(alsoReading, verification)
    if options.dryRun { return }
    talk.tell(planned.map { ($0.destination.path, $0.plan.notes) })
    let planning = ContinuousClock.now - start
    let read = try verification?.read(workers: options.workers.count)
    let calibrated = try calibrating.map {
      try CalibratedJob($0, planned[0].recipe, planned[0].destination, workers: options.workers.count) {
        [makePlan = self.plan, recipe = planned[0].recipe] in
        try makePlan(recipe, $0, alsoReading, true)
      }
    }
    if let savingRecipe {
      let document = TypeTable(of: planned[0].plan).document(origin: target?.origin ?? [:])
      Terminal.tellLeft(try savingRecipe.write(Array(JSONText.of(document).utf8) + [UInt8(ascii: "\n")]))
    }
    try await calibrated?.measureReference(isResuming: options.resume)
    let pouring = ContinuousClock.now
    let poured = try await pour(planned, alsoReading, calibrating)
    if let verification {
      StatusLine.shared.sayLast("decant: \(verification.interrupted(planned.map(\.plan.outputPath)))\n")
    }
    let seconds = (planning + (ContinuousClock.now - pouring)).seconds
    if !talk.json, !talk.quiet {
      for (output, poured) in zip(planned, poured) where !poured.wasThere {
        let lines = output.report.summaryLines(
          movements: poured.movements, seconds: planned.count == 1 ? seconds : nil, isVerbose: talk.verbose)
        for line in lines { Terminal.note(line) }
      }
      if planned.count > 1 {
        Terminal.note("\(planned.count) outputs, \(NumberText.fixed(seconds, seconds < 10 ? 2 : 0)) s")
      }
      if let part = options.sharing.part {
        for output in planned {
          Terminal.note(
            "\(part.count == 1 ? "now" : "when all \(part.count) parts are there"): decant assemble \(output.destination.path)"
          )
        }
      }
    }
    try await calibrated?.measureOutput(planned[0].plan)
    if let calibrated, !talk.json, !talk.quiet { tell(calibrated.report, of: planned[0].destination) }
    let comparisons = try await comparisons(planned, verification, read)
    if let page, !comparisons.isEmpty { try ReportOptions.write(.comparisons(comparisons), to: page, talk) }
    if talk.json {
      var members = zip(planned, poured).map { output, poured in
        output.report.members.merging(output.report.outcome(movements: poured.movements, seconds: seconds)) { own, _ in
          own
        }
      }
      if let target { members[0]["target"] = target.json }
      if let calibrated { members[0]["calibration"] = calibrated.report.json }
      var whole = members.count == 1 ? members[0] : ["outputs": .array(members.map(JSONValue.object))]
      if !comparisons.isEmpty {
        whole["verification"] = members.count == 1 ? comparisons[0].json : ComparisonSummary(comparisons).json
      }
      try Terminal.result(JSONText.of(.object(whole)))
    } else if let verification, let first = comparisons.first {
      let forms = verification.measuring.forms
      if comparisons.count == 1 {
        try forms.show(first, .comparisons(comparisons), talk)
      } else {
        try forms.show(ComparisonSummary(comparisons), .comparisons(comparisons), talk)
      }
    }
  }

  /// Plans every output, and prints the plans of a dry run.
  /// - Returns: also the file of the page that is asked for.
  private func planned(
    _ alsoReading: [String], _ verification: Verification?
  ) throws -> (outputs: [Planned], page: FileOutput?) {
    var failures = FileErrors()
    var planned: [Planned] = []
    var page: FileOutput?
    for output in outputs {
      let destination = try options.destination(output.path, for: output.recipe)
      let found = failures.attempt { () throws(FileError) in
        for other in outputs where other.path != output.path { try destination.refuse(besides: other.path) }
        return try plan(output.recipe, destination, alsoReading, false)
      }
      if options.sharing.part == nil { try tellParts(beside: output.path) }
      let part = options.sharing.part.flatMap { part in found.map { PlanPart(part, of: $0) } }
      let others = planned.reduce(0) { $0 + $1.poured.byteCount }
      failures.attempt { () throws(FileError) in
        if let part {
          try part.checkRoom(besides: others)
        } else {
          try destination.checkRoom(for: found, besides: others)
        }
      }
      failures.attempt { () throws(FileError) in page = try verification?.page(besides: destination) }
      if let found {
        planned.append(
          Planned(
            recipe: output.recipe, destination: destination, plan: found, part: part,
            report: PlanReport(found, before, part: part)))
      }
    }
    if options.dryRun {
      if talk.json {
        guard planned.count == outputs.count else {
          try failures.check()
          return ([], nil)
        }
        let members = planned.map { JSONValue.object($0.report.members) }
        try Terminal.result(JSONText.of(outputs.count == 1 ? members[0] : ["outputs": .array(members)]))
      } else {
        for (number, output) in planned.enumerated() {
          if number > 0 { try Terminal.result("") }
          try Terminal.results { line throws(FileError) in try output.report.write(isVerbose: talk.verbose, line) }
        }
      }
    }
    try failures.check()
    return (planned, page)
  }

  /// Says that parts of an output are there, which are not used for the whole.
  private func tellParts(beside output: String) throws {
    let folder = PartsFolder(of: output)
    guard !talk.json, !talk.quiet, try folder.holdsParts() else { return }
    Terminal.note(
      "note: \(folder.path) holds parts of \(output), which are not used: all of it is made here; --part with the number of "
        + "a part makes only that, and decant assemble puts them together")
  }

  private func pour(
    _ planned: [Planned], _ alsoReading: [String], _ calibrating: Calibrating?
  ) async throws -> [PourReport] {
    let progress = Progress(totalElements: planned.reduce(0) { $0 + $1.poured.parameterCount }, talk)
    let names = planned.map { planned.count > 1 ? $0.destination.path : nil }
    let poured: [PourReport]
    if let accompanying = calibrating?.accompanying {
      let only = planned[0]
      poured = [
        try await only.plan.pour(
          following: accompanying.calibration, workers: options.workers.count, isResuming: options.resume,
          onEvent: { progress.show($0) }, collect: accompanying.collect
        ) {
          try plan(only.recipe, only.destination, alsoReading, false)
        }
      ]
    } else if options.sharing.part != nil {
      poured = try await PlanPart.pour(
        planned.compactMap(\.part), workers: options.workers.count, isResuming: options.resume
      ) { progress.show($1, of: names[$0]) }
    } else {
      poured = try await Plan.pour(
        planned.map(\.plan), workers: options.workers.count, isResuming: options.resume
      ) { progress.show($1, of: names[$0]) }
    }
    progress.end()
    for report in poured { Terminal.tellLeft(report.leftovers) }
    return poured
  }

  private func tell(_ report: CalibrationReport, of destination: Destination) {
    report.forEachLine(isVerbose: talk.verbose) { Terminal.note($0) }
    guard !report.isKept else { return }
    Terminal.note(
      "note: on the text held back the calibrated output was worse, so that \(destination.path) has the codes of the types' "
        + "own encoders; --keep-worse keeps it")
  }

  private func comparisons(
    _ planned: [Planned], _ verification: Verification?, _ read: ReadingOptions.ReadText?
  ) async throws -> [ComparisonReport] {
    guard let verification, let read else { return [] }
    let start = ContinuousClock.now
    var comparisons: [ComparisonReport] = []
    for (number, output) in planned.enumerated() {
      // While the output was written a signal was only taken note of.
      let unmeasured = planned[number...].map(\.plan.outputPath)
      if Interruption.signal != nil { throw verification.interrupted(unmeasured) }
      StatusLine.shared.sayLast("decant: \(verification.interrupted(unmeasured))\n")
      comparisons.append(
        try await verification.comparison(
          with: try Checkpoint(path: output.plan.outputPath), over: read, workers: options.workers.count,
          lastWords: verification.interrupted(unmeasured).description, talk))
    }
    if !talk.json, !talk.quiet {
      Terminal.note("measured in \(DurationText.of((ContinuousClock.now - start).seconds))")
    }
    return comparisons
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
