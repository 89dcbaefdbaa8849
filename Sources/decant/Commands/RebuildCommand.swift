internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import JSON

struct RebuildCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "rebuild",
    abstract: "Make an output again from what it says of itself, and compare every byte.",
    discussion: """
      Outputs hold in their metadata the recipe they were made by, the version, and
      digests of the weights that were read (--no-provenance leaves that out). This
      plans the same recipe for SOURCE, computes everything again, and compares it
      with what is there: weights, headers, padding, and every file of a folder.
      Nothing is written. It fails where a byte differs, or a file is missing or is
      one too many, and says which, or that a program has edited the output since.

      An output that was renamed is still the same; so is one that was packed.
      What the recipe itself sets, such as a key of the metadata, is listed: there
      "the same" says no more than that the recipe says so.

      With --json: output, source, same, differences, bytes, version, recipe,
      settings, sources, notes.

      EXAMPLES
        decant rebuild llama-q4_k_m.gguf --from Llama-3.2-1B/
        decant rebuild merged.gguf --from Llama-3.2-1B/ --adapter my-lora/
        decant rebuild llama-q2_k_s.gguf --from Llama-3.2-1B/ --imatrix im.gguf
      """)

  @Argument(help: "The file or folder to make again.", completion: .file(), transform: InputPath.file)
  var output: String

  @Option(
    name: .customLong("from"), help: ArgumentHelp("The model it was made from.", valueName: "source"),
    completion: .file(), transform: InputPath.model)
  var source: String

  @Option(
    name: .customLong("adapter"),
    help: ArgumentHelp("An adapter that was merged into it; several in the same order.", valueName: "adapter"),
    completion: .file(), transform: InputPath.model)
  var adapters: [String] = []

  @Option(
    help: ArgumentHelp("The importance matrix it was made with.", valueName: "file"),
    completion: .file(), transform: InputPath.file)
  var imatrix: String?

  @Option(
    help: ArgumentHelp("The calibration it was made with.", valueName: "file"), completion: .file(),
    transform: InputPath.file)
  var calibration: String?

  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func run() async throws {
    StatusLine.shared.begin("opening \(output) and \(source)")
    let importance = try imatrix.map { path throws(FileError) in try ImportanceMatrix(path: path) }
    let calibration = try calibration.map { path throws(FileError) in try CalibrationFile(path: path) }
    let rebuild = try Rebuild(
      of: output, from: source, adapters: adapters, importance: importance, calibration: calibration)
    talk.tell(rebuild.notes)
    let version = rebuild.provenance.version
    if version != Version.current, !talk.quiet {
      Terminal.note("note: \(output) was written by decant \(version); this is \(Version.current)")
    }
    let progress = Progress(totalElements: rebuild.plan.parameterCount, talk)
    let outcome = try await rebuild.run(workers: workers.count) { progress.show($0) }
    progress.end()
    if talk.json {
      try Terminal.result(
        JSONText.of([
          "output": .string(output), "source": .string(source), "same": .bool(outcome.differences.isEmpty),
          "differences": .array(outcome.differences.map(JSONValue.string)), "bytes": .integer(outcome.byteCount),
          "version": .string(version), "recipe": rebuild.provenance.document,
          "settings": .array(rebuild.settings.map(JSONValue.string)),
          "sources": .array((rebuild.provenance.sources ?? []).map(JSONValue.string)), "notes": rebuild.notes.json,
        ]))
    }
    guard let first = outcome.differences.first else {
      if !talk.quiet, !talk.json {
        let set = rebuild.settings.map { "\n  set by the recipe, not by the model: \($0)" }.joined()
        try Terminal.result("\(output): the same \(outcome.byteCount) bytes come of \(source)\(set)")
      }
      return
    }
    Terminal.notes(outcome.differences.dropFirst(), isVerbose: talk.verbose)
    throw FileError(
      .mismatch, path: output,
      "does not come of \(source) again, \(outcome.differences.count) \(outcome.differences.count == 1 ? "difference" : "differences"): \(first)"
    )
  }
}
