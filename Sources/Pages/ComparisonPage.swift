internal import Evaluation

/// What a page says of models that were compared with one original.
struct ComparisonPage {
  private let models: [Model]
  private let original: MeasuredFile

  /// A model of the page.
  private struct Model {
    let key: String
    /// As charts have it.
    let name: String
    let report: ComparisonReport

    var heading: String { "\(key)  \(SafeText.name(report.after.name))" }
  }

  init(_ reports: [ComparisonReport]) {
    let names = ModelKeys.short(reports.map(\.after.name))
    models = zip(reports, names).enumerated().map { number, model in
      Model(key: ModelKeys.key(number), name: model.1, report: model.0)
    }
    original = reports.first?.before ?? MeasuredFile(name: "")
  }

  var content: (title: String, lead: [Table.Part], sections: [PageContent.Section]) {
    (
      "What became of \(SafeText.name(original.name))", lead,
      [sizes, tokens, damage, places, origin].compactMap(\.self)
    )
  }

  private var lead: [Table.Part] {
    guard let report = models.first?.report, let comparison = report.comparison else { return [] }
    return [
      .init(
        text:
          "KL divergence tells how far a model's predictions moved from the original's, in nats per token; "
          + "zero means not at all. "
      )
    ] + OriginSection.extent(comparison.before, report.origin)
  }

  // MARK: - Sizes

  private var sizes: PageContent.Section? {
    var section = PageContent.Section(anchor: "models", heading: "Size and quality")
    section.tables = [summaryTable]
    section.charts = PageContent.Group(
      [
        scatter(
          "Size against KL divergence", measure: "mean KL divergence, nats per token", isLogarithmic: true,
          original: nil,
          note: "Error bars are one standard error each way.",
          { Figure.significant($0, 3).text }
        ) { ($0.divergence.mean, $0.divergence.standardError) },
        scatter(
          "Size against perplexity", measure: "perplexity", isLogarithmic: false, original: originalPoint,
          note:
            "Error bars are one standard error each way, of the change from the original.", { Figure.fixed($0, 4).text }
        ) { ($0.after.perplexity, $0.delta.standardError) },
      ].compactMap(\.self))
    return section
  }

  private func scatter(
    _ title: String, measure: String, isLogarithmic: Bool, original: ScatterChart.Point?, note: String,
    _ text: @escaping (Double) -> String, _ value: (Comparison) -> (Double, Double)
  ) -> Chart? {
    var points = models.compactMap { model -> ScatterChart.Point? in
      guard let comparison = model.report.comparison, let bytes = model.report.after.bytes else { return nil }
      let (value, error) = value(comparison)
      return ScatterChart.Point(key: model.key, name: model.name, bytes: bytes, value: value, error: error, text: text)
    }
    guard !points.isEmpty else { return nil }
    if let original { points.append(original) }
    let chart = ScatterChart(points: points, title: title, measure: measure, isLogarithmic: isLogarithmic)
    let best = ScatterChart.frontier(points).count
    let reading =
      points.filter { !$0.isOriginal }.count < 2
      ? ""
      : "Lower and further left is better. No model is both smaller and better than one with a filled point"
        + (best > 1 ? "; the dashed line, the frontier, joins these. " : ". ")
    return Chart(title, note: reading + note) { chart.drawing(isNarrow: $0) }
  }

  private var originalPoint: ScatterChart.Point? {
    guard let bytes = original.bytes, let perplexity = models.first?.report.comparison?.before else { return nil }
    return ScatterChart.Point(
      key: "original", name: original.name, bytes: bytes, value: perplexity.perplexity, error: 0, isOriginal: true,
      text: { NumberText.fixed($0, 4) })
  }

  private var summaryTable: Table {
    func row(_ key: String, _ file: MeasuredFile, _ perplexity: Perplexity?, _ change: Comparison?) -> Table.Row {
      Table.Row(cells: [
        .heading(key.isEmpty ? file.name : "\(key)  \(file.name)"), .figure(file.bytes.map { Figure.bytes($0) }),
        .figure(file.bitsPerWeight.map { Figure.fixed($0, 3) }),
        change.map {
          .estimate(.significant($0.divergence.mean), .significant($0.divergence.standardError, 2))
        } ?? .figure(nil),
        .figure(change.map { Figure.significant($0.divergence.p99) }),
        .figure(change.map { Figure.percent($0.topAgreement) }),
        perplexity.map { .estimate(.fixed($0.perplexity, 4), .fixed($0.standardError, 4)) } ?? .figure(nil),
        change.map { .estimate(.signed($0.delta.value, 4), .fixed($0.delta.standardError, 4)) } ?? .figure(nil),
      ])
    }
    return Table(
      caption: "Models",
      columns: [
        .init("Model", isNumber: false), .init("Size"), .init("Bits per weight"),
        .init("Mean KL"), .init("99 % KL"), .init("Same top token"), .init("Perplexity"), .init("Change of perplexity"),
      ],
      rows: [row("", original, models.first?.report.comparison?.before, nil)]
        + models.map { row($0.key, $0.report.after, $0.report.comparison?.after, $0.report.comparison) })
  }

  // MARK: - Tokens

  private static let shares = ["50 %", "90 %", "95 %", "99 %", "99.9 %", "max"]

  private static func quantiles(_ divergence: Comparison.Divergence) -> [Double] {
    [divergence.median, divergence.p90, divergence.p95, divergence.p99, divergence.p999, divergence.maximum]
  }

  private var tokens: PageContent.Section? {
    let compared = models.compactMap { model in model.report.comparison.map { (model, $0) } }
    guard !compared.isEmpty else { return nil }
    let quantiles = QuantileChart(
      shares: Self.shares,
      lines: compared.map { .init(key: $0.key, name: $0.name, values: Self.quantiles($1.divergence)) },
      title: "Quantiles of KL divergence over tokens", measure: "KL divergence, nats")
    let agreement = ShareChart(
      rows: compared.map { .init(key: $0.key, name: $0.name, share: $1.topAgreement) },
      title: "Share of the tokens where both models find the same token most likely")
    let rows = compared.compactMap { model, _ in
      model.report.places.map { HistogramChart.Row(key: model.key, name: model.name, histogram: $0.histogram) }
    }
    let histogram = HistogramChart(
      rows: rows, title: "Tokens by their KL divergence", measure: "KL divergence, nats")
    var section = PageContent.Section(anchor: "tokens", heading: "How the damage is spread over the tokens")
    section.charts = PageContent.Group(
      [
        Chart(
          "Quantiles of KL divergence",
          note: "A flat line: all tokens changed alike. A line that rises at its end: a few tokens changed much.",
          tables: [quantileTable(compared)]
        ) { quantiles.drawing(isNarrow: $0) },
        Chart(
          "The same most likely token", note: "How often a model finds the same token most likely as the original does."
        ) {
          agreement.drawing(isNarrow: $0)
        },
        rows.isEmpty
          ? nil
          : Chart(
            "Tokens by their KL divergence",
            note:
              "Each model's tallest column has the same height. "
              + "What is less than the axis shows stands at its lower end.",
            tables: compared.compactMap { model, _ in
              model.report.places.map { HistogramTable.table(model.heading, $0.histogram) }
            }
          ) { histogram.drawing(isNarrow: $0) },
      ].compactMap(\.self))
    return section
  }

  private func quantileTable(_ compared: [(Model, Comparison)]) -> Table {
    Table(
      caption: "All measures of the tokens",
      columns: [.init("Model", isNumber: false)] + Self.shares.map { .init("KL, \($0)") } + [
        .init("Ratio of perplexities"), .init("RMS change of the right token's probability"), .init("Nats per token"),
        .init("Perplexity of the original"), .init("Nats per token of the original"),
      ],
      rows: compared.map { model, comparison in
        Table.Row(
          cells: [.heading(model.heading)]
            + Self.quantiles(comparison.divergence).map { .figure(.significant($0)) } + [
              .estimate(.fixed(comparison.ratio.value, 4), .fixed(comparison.ratio.standardError, 4)),
              .figure(.percent(comparison.probabilityChange)), .figure(.fixed(comparison.after.nll, 5)),
              .estimate(.fixed(comparison.before.perplexity, 4), .fixed(comparison.before.standardError, 4)),
              .figure(.fixed(comparison.before.nll, 5)),
            ])
      })
  }

  // MARK: - Tensors

  private var damage: PageContent.Section? {
    let measured = models.filter { !$0.report.tensors.isEmpty }
    guard !measured.isEmpty else { return nil }
    let steps = DamageMap.Steps(measured.flatMap(\.report.tensors))
    var section = PageContent.Section(
      anchor: "tensors", heading: "The damage map",
      intro: [
        "Each cell is a tensor, coloured by its relative squared error: the sum of the squares of what changed, divided by that of what "
          + "was there. Colours mean the same in all maps of this page."
      ])
    section.parts = measured.enumerated().map { number, model in
      let map = DamageMap(model.report.tensors)
      var part = PageContent.Part(heading: model.heading, isOpen: number == 0)
      part.legend = PageContent.Legend(
        least: AxisScale.text(steps.edges[0]), most: AxisScale.text(steps.edges[DamageMap.Steps.count]),
        steps: (0..<DamageMap.Steps.count).map { PageContent.Legend.Step(style: "q\($0)") })
      let experts = map.shown.contains { $0.count > 1 } ? "A place of several experts shows the worst of them. " : ""
      let beyond =
        map.shown.reduce(0) { $0 + $1.count } < model.report.tensors.count
        ? "There are more tensors than the map has room for; the JSON has them all." : ""
      part.charts = PageContent.Group([
        Chart(
          "Layers and modules",
          note: [experts, beyond].joined(),
          tables: [tensorTable("Tensors of the map", map.shown.map(\.tensor))]
        ) { map.drawing(title: "Damage map of \(SafeText.name(model.report.after.name))", steps: steps, isNarrow: $0) }
      ])
      part.tables = [
        tensorTable(
          "Tensors with most of the squared error",
          Array(
            model.report.tensors.sorted { $0.shareOfError > $1.shareOfError }.prefix(10)))
      ]
      return part
    }
    return section
  }

  private func tensorTable(_ caption: String, _ tensors: [TensorError]) -> Table {
    Table(
      caption: caption,
      columns: [
        .init("Tensor", isNumber: false), .init("Type", isNumber: false), .init("Shape"),
        .init("Relative squared error"), .init("Share of squared error"), .init("Squared error"),
        .init("Largest error"), .init("Cosine similarity"),
      ],
      rows: tensors.map { tensor in
        Table.Row(cells: [
          .heading(tensor.name), .text(tensor.encodingBefore + " → " + tensor.encodingAfter),
          .figures(tensor.shape.map { Figure($0, String($0)) }, between: " × "),
          .figure(.significant(tensor.relativeSquaredError)), .figure(.percent(tensor.shareOfError, 1)),
          .figure(.significant(tensor.squaredError)), .figure(.significant(tensor.largestError)),
          .figure(.fixed(tensor.cosine, 6)),
        ])
      })
  }

  // MARK: - Places

  private var places: PageContent.Section? {
    let measured = models.filter { $0.report.places?.worst.isEmpty == false }
    guard !measured.isEmpty else { return nil }
    var section = PageContent.Section(
      anchor: "places", heading: "Where they disagree",
      intro: [
        "The places with the largest KL divergence. The deeper a token's colour, the more its prediction changed: each lighter colour begins "
          + "at half as much. Tokens without a colour changed little, or were not scored. The underlined token is the one to predict."
      ])
    section.parts = PassageSection.parts(
      measured.map { ($0.heading, $0.report.places?.worst ?? []) }, measure: "KL divergence",
      models: { ["Predicted by the original, \(SafeText.name(original.name))", "Predicted by \($0)"] })
    return section
  }

  // MARK: - Origin

  private var origin: PageContent.Section? {
    OriginSection.section(
      files: [("The original", original)] + models.map { ($0.heading, $0.report.after) },
      origins: models.map { ($0.key, $0.report.origin) })
  }
}
