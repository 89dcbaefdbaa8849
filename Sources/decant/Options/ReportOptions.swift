internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Evaluation
internal import JSON
internal import Pages

/// In which forms a measurement is told.
struct ReportOptions: ParsableArguments {
  @Flag(help: "Print the result as tables of Markdown.")
  var markdown = false

  @Flag(help: "Print a section for a model card: what was measured, how to run the model, licence and base model.")
  var card = false

  @Option(
    help: ArgumentHelp(
      "Also write a page to look at: charts, a map of the damage, passages where the models differ. One file of HTML "
        + "that needs nothing else.",
      valueName: "file.html"), completion: .file(), transform: OutputPath.checked)
  var report: String?

  /// Whether more is wanted than tables have: digests, recipes, licences.
  func wantsDetails(_ talk: TalkOptions) -> Bool { talk.json || card || report != nil }

  func check(_ talk: TalkOptions) throws {
    let forms = [("--markdown", markdown), ("--card", card), ("--json", talk.json)].filter(\.1).map(\.0)
    if forms.count > 1 { throw ValidationError("\(forms[0]) and \(forms[1]) exclude each other.") }
  }

  /// The page's file, looked at before anything is measured.
  /// - Parameters:
  ///   - inputs: every path that is read.
  ///   - replacing: whether a file that is there is replaced.
  func page(reading inputs: [String], replacing: Bool) throws(FileError) -> FileOutput? {
    guard let report else { return nil }
    let page = FileOutput(report, replacing: replacing)
    try page.check(against: inputs)
    try page.checkRoom()
    return page
  }

  /// Writes the page.
  static func write(_ reports: ReportCollection, to page: FileOutput, _ talk: TalkOptions) throws {
    try write(ReportPage(reports), to: page, talk)
  }

  /// Writes a page.
  static func write(_ drawn: ReportPage, to page: FileOutput, _ talk: TalkOptions) throws {
    StatusLine.shared.begin("drawing \(page.path)")
    let html = try drawn.html()
    Terminal.tellLeft(try page.write(Array(html.utf8)))
    if !talk.quiet { Terminal.note("\(page.path): \(NumberText.bytes(html.utf8.count)), for a browser") }
  }

  /// Prints the result.
  /// - Parameter notes: what opening the models found, for programs; people are told before.
  func show(
    _ report: some EvaluationReport, _ reports: @autoclosure () -> ReportCollection, notes: [Note] = [],
    _ talk: TalkOptions
  ) throws {
    if card { return try Terminal.result(ModelCardSection(reports()).markdown) }
    let json = JSONValue.object((report.json.object ?? [:]).merging(["notes": notes.json]) { own, _ in own })
    try Terminal.result(talk.json ? JSONText.of(json) : markdown ? report.markdown : report.plain)
  }
}
