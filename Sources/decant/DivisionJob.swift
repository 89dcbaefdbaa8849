internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON
internal import Tensors

/// A model put into other files, as `split` and `join` run it: plan, print or pour, report.
struct DivisionJob {
  let input: String
  let output: String
  let division: Division
  let options: CopyingOptions
  let talk: TalkOptions

  /// The keys, for the help of both.
  static let keys =
    """
    With --json: output, container, bytes, tensors (their number), files (name,
    bytes, tensors), notes; after the job also seconds.
    """

  func run() async throws {
    let start = ContinuousClock.now
    StatusLine.shared.begin("opening \(input)")
    let plan = try Plan(dividing: input, by: division, to: output, replacing: options.force)
    try plan.destination.checkRoom(for: plan)
    talk.tell(plan.notes)
    guard !options.dryRun else {
      return try talk.json ? Terminal.result(JSONText.of(.object(members(of: plan)))) : showFiles(of: plan)
    }
    let progress = Progress(totalElements: plan.parameterCount, talk)
    let poured = try await plan.pour(workers: options.workers.count, isResuming: options.resume) { progress.show($0) }
    progress.end()
    Terminal.tellLeft(poured.leftovers)
    let seconds = (ContinuousClock.now - start).seconds
    if talk.json {
      try Terminal.result(
        JSONText.of(.object(members(of: plan).merging(["seconds": .number(seconds)]) { own, _ in own })))
    } else if !talk.quiet {
      let count = plan.files.count
      Terminal.note(
        "wrote \(plan.destination.isFile ? plan.outputPath : plan.destination.path): \(plan.tensors.count) tensors in "
          + "\(count) \(count == 1 ? "file" : "files"), \(NumberText.bytes(plan.byteCount)), "
          + "\(NumberText.fixed(seconds, seconds < 10 ? 2 : 0)) s")
    }
  }

  private func showFiles(of plan: Plan) throws(FileError) {
    let table = ReportTable(
      "Files of \(plan.destination.path)", columns: ["File", "Tensors", "Bytes"],
      rows: plan.files.map { [$0.name, NumberText.grouped($0.tensors.count), NumberText.grouped($0.byteCount)] })
    try Terminal.results { line throws(FileError) in try table.forEachLine(line) }
  }

  private func members(of plan: Plan) -> [String: JSONValue] {
    [
      "output": .string(plan.destination.path), "container": .string(plan.destination.container.name),
      "bytes": .integer(plan.byteCount), "tensors": .integer(plan.tensors.count),
      "files": .array(
        plan.files.map {
          ["name": .string($0.name), "bytes": .integer($0.byteCount), "tensors": .integer($0.tensors.count)]
        }), "notes": plan.notes.json,
    ]
  }
}
