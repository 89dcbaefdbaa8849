internal import Evaluation

/// What a page says of models that were measured by themselves, over one text.
struct PerplexityPage {
  private let models: [(key: String, name: String, report: PerplexityReport)]

  init(_ reports: [PerplexityReport]) {
    let names = ModelKeys.short(reports.map(\.file.name))
    models = zip(reports, names).enumerated().map { (ModelKeys.key($0), $1.1, $1.0) }
  }

  private func heading(_ model: (key: String, name: String, report: PerplexityReport)) -> String {
    "\(model.key)  \(SafeText.name(model.report.file.name))"
  }

  var content: (title: String, lead: [Table.Part], sections: [PageContent.Section]) {
    let title = models.count == 1 ? "Perplexity of \(SafeText.name(models[0].report.file.name))" : "Perplexity"
    let lead = models.first.map { OriginSection.extent($0.report.perplexity, $0.report.origin) } ?? []
    return (title, lead, [sizes, tokens, places, origin].compactMap(\.self))
  }

  private var sizes: PageContent.Section {
    var section = PageContent.Section(anchor: "models", heading: "Size and perplexity")
    section.tables = [
      Table(
        caption: "Models",
        columns: [
          .init("Model", isNumber: false), .init("Size"), .init("Bits per weight"),
          .init("Perplexity"), .init("Nats per token"),
        ],
        rows: models.map { key, _, report in
          Table.Row(cells: [
            .heading("\(key)  \(report.file.name)"), .figure(report.file.bytes.map { Figure.bytes($0) }),
            .figure(report.file.bitsPerWeight.map { Figure.fixed($0, 3) }),
            .estimate(.fixed(report.perplexity.perplexity, 4), .fixed(report.perplexity.standardError, 4)),
            .figure(.fixed(report.perplexity.nll, 5)),
          ])
        })
    ]
    let points = models.compactMap { key, name, report in
      report.file.bytes.map {
        ScatterChart.Point(
          key: key, name: name, bytes: $0, value: report.perplexity.perplexity,
          error: report.perplexity.standardError, text: { NumberText.fixed($0, 4) })
      }
    }
    guard points.count > 1 else { return section }
    let chart = ScatterChart(
      points: points, title: "Size against perplexity", measure: "perplexity", isLogarithmic: false)
    section.charts = PageContent.Group([
      Chart(
        "Size against perplexity",
        note:
          "Error bars are one standard error each way, for want of more text. As all models read the same text, they err alike: "
          + "decant compare tells small differences."
      ) { chart.drawing(isNarrow: $0) }
    ])
    return section
  }

  private var tokens: PageContent.Section? {
    let rows = models.compactMap { key, name, report in
      report.places.map { HistogramChart.Row(key: key, name: name, histogram: $0.histogram) }
    }
    guard !rows.isEmpty else { return nil }
    let chart = HistogramChart(
      rows: rows, title: "Tokens by their negative log-likelihood", measure: "negative log-likelihood, nats")
    var section = PageContent.Section(anchor: "tokens", heading: "How hard the tokens are")
    section.charts = PageContent.Group([
      Chart(
        "Tokens by their negative log-likelihood", note: "Each model's tallest column has the same height.",
        tables: models.compactMap { model in
          model.report.places.map { HistogramTable.table(heading(model), $0.histogram) }
        }
      ) { chart.drawing(isNarrow: $0) }
    ])
    return section
  }

  private var places: PageContent.Section? {
    let measured = models.filter { $0.report.places?.worst.isEmpty == false }
    guard !measured.isEmpty else { return nil }
    var section = PageContent.Section(
      anchor: "places", heading: "Where the text surprises most",
      intro: [
        "The deeper a token's colour, the less it was expected: each lighter colour begins at half the nats. Tokens without a colour "
          + "were hardly a surprise, or were not scored. The underlined token is the one to predict."
      ])
    section.parts = PassageSection.parts(
      measured.map { (heading($0), $0.report.places?.worst ?? []) }, measure: "Negative log-likelihood",
      models: { _ in ["What the model predicted"] })
    return section
  }

  private var origin: PageContent.Section {
    OriginSection.section(
      files: models.map { (heading($0), $0.report.file) }, origins: models.map { ($0.key, $0.report.origin) })
  }
}
