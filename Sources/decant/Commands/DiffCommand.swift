internal import ArgumentParser
internal import Bytes
internal import Checking
internal import Conversion
internal import Evaluation

struct DiffCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Show where two models differ: settings, tokenizers, tensors.",
    discussion: """
      Both may be in any container. In the same one, every key of the metadata, of
      config.json and the other small files is compared, and every tensor under its
      own name. In different ones, settings and tensors are brought to one form,
      which needs a family that is known; types count then only where values differ.

      Of tensors with other bytes or types the values are compared: the greatest
      difference of an element, and the relative RMS of all (0 nothing moved, 1 as
      far off as zeros would be). The most different come first.

      With --json: equal, before, after, settings (place, key, before, after: null
      where it is not said), tokenizer (the same), tensors (same, same_values:
      their numbers; different: name, kind, type_before, type_after, shape_before,
      shape_after, largest_error, relative_rms, cosine), notes.

      EXIT CODES
        0  no difference    1  they differ    2  they cannot be compared

      EXAMPLES
        decant diff llama-q4_0.gguf llama-q4_k_m.gguf
        decant diff Llama-3.2-1B/ llama-f16.gguf
        decant diff Llama-3.2-1B/ Llama-tuned/ --tensors 'mlp|embed' --verbose
      """)

  static var failureCode: Int32 { 2 }

  @Argument(help: "The model as it was: a file or a folder.", completion: .file(), transform: InputPath.model)
  var before: String

  @Argument(help: "The model as it is now.", completion: .file(), transform: InputPath.model)
  var after: String

  @Option(
    help: ArgumentHelp(
      "Compare only tensors in whose name this expression is found, of the kind that --tensor-type takes.",
      valueName: "regex"))
  var tensors: String?

  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  private func pattern() throws -> TensorPattern? {
    try tensors.map { text in
      do throws(TensorPattern.Refusal) {
        return try TensorPattern(text)
      } catch {
        throw ValidationError("--tensors '\(text)' \(error.reason).")
      }
    }
  }

  func validate() throws { _ = try pattern() }

  func run() async throws {
    StatusLine.shared.begin("opening \(before) and \(after)")
    let (one, other) = (try Inspection(path: before), try Inspection(path: after))
    talk.tell(one.remarks + other.remarks)
    StatusLine.shared.begin("comparing the tensors")
    let differences = try await ModelDifferences(
      one, other, tensorsNamed: try pattern(), workers: Workers(count: workers.count)
    ) { done, total in
      StatusLine.shared.show("comparing the tensors: \(NumberText.percent(Double(done) / Double(max(total, 1)), 0))")
    }
    talk.tell(differences.notes)
    let report = DifferenceReport(differences, notes: (one.remarks + other.remarks + differences.notes))
    if talk.json {
      try Terminal.result(JSONText.of(report.json))
    } else if !talk.quiet {
      try Terminal.results { line throws(FileError) in try report.write(isVerbose: talk.verbose, line) }
    }
    StatusLine.shared.end()
    if !differences.isEmpty { throw ExitCode(1) }
  }
}
