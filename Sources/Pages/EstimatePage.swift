internal import Estimation
internal import Evaluation

/// What a page says of what a model takes.
struct EstimatePage {
  let name: String
  let estimate: ModelEstimate

  var content: (title: String, lead: [Table.Part], sections: [PageContent.Section]) {
    (
      "What \(SafeText.name(name)) takes",
      [
        .init(figure: Figure(estimate.parameterCount)), .init(text: " weights, trained for contexts of "),
        .init(figure: Figure(estimate.needs.contextLength)), .init(text: " tokens; sequences side by side: "),
        .init(figure: Figure(estimate.request.batch)), .init(text: ". What runs is told of a context of "),
        .init(figure: Figure(estimate.context)), .init(text: " tokens."),
      ] + memory, [weights, beside, training]
    )
  }

  private var memory: [Table.Part] {
    estimate.request.memory.map {
      [.init(text: " There are "), .init(figure: .bytes($0)), .init(text: " of memory.")]
    } ?? []
  }

  private static func bytes(_ count: Double) -> Figure {
    Figure(count, NumberText.bytes(count))
  }

  private var weights: PageContent.Section {
    var section = PageContent.Section(anchor: "weights", heading: "Weights, and what runs")
    let memory = estimate.request.memory
    section.tables = [
      Table(
        caption: "Types",
        columns: [
          .init("Type", isNumber: false), .init("Weights"), .init("Bits per weight"), .init("Runs a context in"),
        ]
          + (memory == nil ? [] : [.init("Longest context")]),
        rows: estimate.forms.map { form in
          let size = try? form.size.get()
          return Table.Row(
            cells: [
              .heading(form.name), .figure(size.map { .bytes($0.byteCount) }),
              .figure(size.map { .fixed($0.bitsPerWeight, 3) }), .figure(form.total.map(Self.bytes)),
            ] + (memory == nil ? [] : [.figure(form.longestContext.map { Figure($0) })]))
        })
    ]
    let lines = estimate.forms.enumerated().compactMap { number, form in
      form.totals.isEmpty
        ? nil : QuantileChart.Line(key: ModelKeys.key(number), name: form.name, values: form.totals)
    }
    guard !lines.isEmpty else { return section }
    let chart = QuantileChart(
      shares: estimate.contexts.map { NumberText.grouped($0.tokens) }, lines: lines, title: "Memory by context",
      measure: "weights, cache and activations", steps: "tokens of context", limit: memory.map(Double.init),
      text: { Self.bytes($0).text })
    section.charts = PageContent.Group([
      Chart(
        "Memory by context",
        note: memory == nil
          ? "The same multiple is the same distance everywhere."
          : "The dashed line across is the memory that there is.",
        tables: [totalTable]
      ) { chart.drawing(isNarrow: $0) }
    ])
    return section
  }

  private var totalTable: Table {
    Table(
      caption: "Memory by context",
      columns: [.init("Type", isNumber: false)] + estimate.contexts.map { _ in .init("Runs in") },
      rows: [
        Table.Row(cells: [.heading("Tokens")] + estimate.contexts.map { .figure(Figure($0.tokens)) })
      ]
        + estimate.forms.filter { !$0.totals.isEmpty }.map { form in
          Table.Row(cells: [.heading(form.name)] + form.totals.map { .figure(Self.bytes($0)) })
        })
  }

  private var beside: PageContent.Section {
    var section = PageContent.Section(
      anchor: "beside", heading: "Beside the weights",
      intro: [
        "The cache of keys and values is F16, sliding windows counted as such. Activations are what lies between operations on a few "
          + "hundred tokens at a time, as F32; attention is computed in pieces."
      ])
    section.tables = [
      Table(
        caption: "By context", columns: [.init("Context"), .init("KV cache"), .init("Activations")],
        rows: estimate.contexts.map {
          Table.Row(cells: [
            .figure(Figure($0.tokens)), .figure(Self.bytes($0.cache)), .figure(Self.bytes($0.activations)),
          ])
        })
    ]
    return section
  }

  private var training: PageContent.Section {
    var section = PageContent.Section(
      anchor: "training", heading: "Training",
      intro: [
        "Every weight that is trained takes its BF16 value and gradient, and in F32 a copy and AdamW's two moments. Each layer keeps its "
          + "input and is computed again on the way back. LoRA and QLoRA have factors beside every linear layer but the head."
      ])
    section.tables = [
      Table(
        caption: "By method", columns: [.init("Method", isNumber: false), .init("Trained weights"), .init("Memory")],
        rows: estimate.trainings.map { training in
          Table.Row(cells: [
            .heading(training.method.name),
            .figure(Figure(training.trained, NumberText.grouped(Int(min(training.trained.rounded(), 9e18))))),
            .figure(Self.bytes(training.total)),
          ])
        })
    ]
    return section
  }
}
