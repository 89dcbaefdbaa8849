internal import ArgumentParser
internal import Bytes
internal import Conversion
internal import Evaluation

struct ReportCommand: TalkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Make a page to look at, or a table, of what was measured before.",
    discussion: """
      Reads what compare, perplexity and quantize --verify printed with --json, on
      this machine or on others, and puts it together: one page of HTML with
      --report, a section for a model card with --card, a table otherwise. All must
      have read the same text in the same windows, and have been compared with the
      same original; others are refused. Parts that several machines have measured
      with --part become one measurement: all of them are named, each once.

      The page needs nothing but a browser: size against damage, the distribution
      over tokens, which tensors changed most, where the models differ, and how
      everything was made. There is a table behind every chart.

      With --json: comparisons, each with the keys of compare, or perplexities, each
      with those of perplexity; notes.

      EXAMPLES
        decant compare Llama/ q4_k_m.gguf --text text.txt --json > q4_k_m.json
        decant report q4_k_m.json q8_0.json --report Llama.html
        decant report *.json --card >> README.md
        decant report part*.json --json > whole.json
      """)

  @Argument(
    help: "Files of JSON that measurements printed.", completion: .file(extensions: ["json"]), transform: InputPath.file
  )
  var files: [String]

  @Flag(name: .shortAndLong, help: "Replace the page of --report if it is there already.")
  var force = false

  @OptionGroup var forms: ReportOptions
  @OptionGroup(title: "Talk") var talk: TalkOptions

  func validate() throws {
    try forms.check(talk)
    if force, forms.report == nil {
      throw ValidationError("--force replaces the page of --report, which is not asked for.")
    }
  }

  func run() async throws {
    let page = try forms.page(reading: files, replacing: force)
    let reports = try ReportCollection(files: files)
    if let page { try ReportOptions.write(reports, to: page, talk) }
    // A page is what was asked for; whoever wants text beside it says in which form.
    guard page == nil || forms.markdown || forms.card || talk.json else { return }
    switch reports {
    case .comparisons(let comparisons):
      try forms.show(ComparisonSummary(comparisons), reports, talk)
    case .perplexities(let perplexities):
      try forms.show(PerplexitySummary(perplexities), reports, talk)
    }
  }
}
