internal import ArgumentParser
internal import Bytes
internal import Checking
internal import Conversion
internal import Evaluation
internal import JSON

struct CheckCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Look for what is wrong with a model, by itself or beside its original.",
    discussion: """
      Reads everything: the rules of the container, names and shapes against the
      model's family, every value and scale (NaN, infinite, tensors of zeros), the
      tokenizer (lengths of its lists, ids in range, duplicates, merges), the tokens
      with a role, and the chat template's control tokens.

      With --against also what the model was made from: the configuration, both
      tokenizers on the same text (a hard one, or --text), the tokens that end a
      text, the chat template (its text: none is rendered), and every tensor.

      An error is what does not work, or not as the original does; a warning, what
      may not do what you expect; a note, what you should know. A model without an
      error may still be a bad one: decant compare measures that.

      With --json: model, container, against, errors, warnings (their numbers),
      findings (severity, part: structure, tensors, values, tokenizer, template or
      original, message, names of tensors or keys, rule of the format or null).

      EXIT CODES
        0  no error    1  errors    2  it cannot be read

      EXAMPLES
        decant check llama-q4_k_m.gguf
        decant check llama-q4_k_m.gguf --against Llama-3.2-1B/
        decant check Llama-3.2-1B/ --json
      """)

  static var failureCode: Int32 { 2 }

  @Argument(help: "Model to check: a file or a folder.", completion: .file(), transform: InputPath.model)
  var model: String

  @Option(
    help: ArgumentHelp("The model that it was made from.", valueName: "original"), completion: .file(),
    transform: InputPath.model)
  var against: String?

  @Option(
    help: ArgumentHelp("Text for both tokenizers, with --against; - for standard input.", valueName: "file"),
    completion: .file(), transform: InputPath.file)
  var text: String?

  @OptionGroup var workers: WorkerOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    if text != nil, against == nil {
      throw ValidationError("--text is for the tokenizers of two models: use it with --against.")
    }
  }

  func run() async throws {
    let team = Workers(count: workers.count)
    StatusLine.shared.begin("checking \(model)")
    let original = try against.map { path throws(FileError) in try Inspection(path: path) }
    let read = try text.map { path throws(FileError) in try TextFile.utf8(of: path) } ?? Array(HardText.text.utf8)
    var check = try await ModelCheck(of: model, workers: team) { Self.show("reading values", $0, $1) }
    if let original {
      try await check.compare(with: original, reading: read, workers: team) { Self.show("comparing tensors", $0, $1) }
    }
    if talk.json {
      try Terminal.result(JSONText.of(json(of: check)))
    } else {
      try Terminal.results { line throws(FileError) in
        for finding in check.all where !talk.quiet || finding.severity == .error {
          try line("\(finding.severity.rawValue): \(sentence(of: finding))".printable)
          guard talk.verbose, finding.names.count > 1 else { continue }
          for name in finding.names { try line("  \(name)".printable) }
        }
        if !talk.quiet { try line(summary(of: check).printable) }
      }
    }
    StatusLine.shared.end()
    if check.count(of: .error) > 0 { throw ExitCode(1) }
  }

  private static func show(_ what: String, _ done: Int, _ total: Int) {
    StatusLine.shared.show("\(what): \(NumberText.percent(Double(done) / Double(max(total, 1)), 0))")
  }

  private func sentence(of finding: Finding) -> String {
    finding.sentence(remedy: \.options) + (talk.verbose ? finding.rule.map { " (\($0))" } ?? "" : "")
  }

  private func summary(of check: ModelCheck) -> String {
    let (errors, warnings) = (check.count(of: .error), check.count(of: .warning))
    let found =
      errors + warnings == 0
      ? check.inspection?.obstacle == nil
        ? "nothing wrong" : "nothing wrong in the files, but its weights could not be looked at"
      : "\(errors) \(errors == 1 ? "error" : "errors"), \(warnings) \(warnings == 1 ? "warning" : "warnings")"
    return "\(model): \(found)" + (against.map { ", beside \($0)" } ?? "")
  }

  private func json(of check: ModelCheck) -> JSONValue {
    [
      "model": .string(model), "container": check.inspection.map { .string($0.container.name) } ?? .null,
      "against": against.map(JSONValue.string) ?? .null, "errors": .integer(check.count(of: .error)),
      "warnings": .integer(check.count(of: .warning)),
      "findings": .array(
        check.all.map { finding in
          [
            "severity": .string(finding.severity.rawValue), "part": .string(finding.part.rawValue),
            "message": .string(finding.sentence(remedy: \.options)),
            "names": .array(finding.names.map(JSONValue.string)),
            "rule": finding.rule.map(JSONValue.string) ?? .null,
          ]
        }),
    ]
  }
}
