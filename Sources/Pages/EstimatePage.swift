internal import Estimation
internal import Evaluation

/// What a page says of what a model takes.
struct EstimatePage {
  let estimate: ModelEstimate
  let origin: EstimateOrigin
  /// What is to be known of the numbers, a sentence each.
  let notes: [String]

  var content: (title: String, lead: [Table.Part], sections: [PageContent.Section]) {
    (
      "What \(SafeText.name(origin.model)) takes", lead,
      [weights, beside, training, OriginSection.section(of: origin)]
    )
  }

  private var lead: [Table.Part] {
    let memories = estimate.request.memories
    return [
      .init(figure: Figure(estimate.parameterCount)),
      .init(text: " weights. The model was trained for contexts of up to "),
      .init(figure: Figure(estimate.needs.contextLength)),
      .init(text: " tokens. Unless said otherwise, memory is for a context of "),
      .init(figure: Figure(estimate.context)), .init(text: " tokens and "),
      .init(figure: Figure(estimate.request.batch)),
      .init(text: estimate.request.batch == 1 ? " sequence at a time." : " sequences at a time."),
    ]
      + memories.enumerated().flatMap { number, memory in
        [
          Table.Part(text: number == 0 ? " There are " : number == memories.count - 1 ? " or " : ", "),
          Table.Part(figure: .bytes(memory)),
        ]
      } + (memories.isEmpty ? [] : [.init(text: " of memory.")])
  }

  private static func name(of method: MemoryNeeds.Training, rank: Int) -> String {
    method == .full ? method.name : "\(method.name), rank \(rank)"
  }

  private static func bytes(_ count: Double) -> Figure {
    Figure(count, NumberText.bytes(count))
  }

  private var weights: PageContent.Section {
    var section = PageContent.Section(anchor: "weights", heading: "The model as each type")
    section.tables = [typeTable]
    section.remarks = PageContent.Group(notes.map(SafeText.name))
    let rows = estimate.forms.compactMap { form in
      (try? form.size.get()).map {
        MemoryChart.Row(name: form.name, weights: Double($0.byteCount), totals: form.totals)
      }
    }
    guard !rows.isEmpty else { return section }
    let chart = MemoryChart(
      rows: rows, contexts: estimate.contexts.map(\.tokens), limits: estimate.request.memories,
      title: "Memory that each type takes")
    section.charts = PageContent.Group([
      Chart("Memory that each type takes", note: Self.note(of: chart), tables: [totalTable]) {
        chart.drawing(isNarrow: $0)
      }
    ])
    return section
  }

  private static func note(of chart: MemoryChart) -> String {
    var sentences = [
      "Each bar is a type: its weights, then what \(chart.contexts.count == 1 ? "the context adds" : "longer and longer contexts add")."
    ]
    if !chart.shownLimits.isEmpty {
      sentences.append("A step that ends left of a line fits into that memory.")
    }
    if chart.shownLimits.count < chart.limits.count {
      sentences.append("Memory of which there is much more than any bar takes is not drawn.")
    }
    if chart.isCut { sentences.append("Bars with an arrow go on; “The numbers” has their ends.") }
    return sentences.joined(separator: " ")
  }

  /// What is asked for comes first, where a narrow screen has it.
  private var typeTable: Table {
    let fitting = estimate.fittingMemories
    return Table(
      caption: "Types",
      columns: [
        .init("Type", isNumber: false), .init("Weights"),
        .init("Memory at \(NumberText.grouped(estimate.context)) tokens"),
      ] + fitting.map { .init("Longest context in \(NumberText.bytes(estimate.request.memories[$0]))") } + [
        .init("Bits per weight")
      ],
      rows: estimate.forms.map { form in
        let size = try? form.size.get()
        let contexts: [Table.Cell] = fitting.map {
          .figure(form.longestContexts[$0].map { Figure($0) }, or: size == nil ? "–" : "none")
        }
        return Table.Row(
          cells: [
            .heading(form.name), .figure(size.map { .bytes($0.byteCount) }, or: "–"),
            .figure(form.total.map(Self.bytes), or: "–"),
          ] + contexts + [.figure(size.map { .fixed($0.bitsPerWeight, 3) }, or: "–")])
      })
  }

  private var totalTable: Table {
    Table(
      caption: "Memory by context",
      columns: [.init("Type", isNumber: false), .init("Weights")]
        + estimate.contexts.map { .init("With \(NumberText.grouped($0.tokens)) tokens") },
      rows: estimate.forms.compactMap { form in
        (try? form.size.get()).map {
          Table.Row(
            cells: [.heading(form.name), .figure(.bytes($0.byteCount))] + form.totals.map { .figure(Self.bytes($0)) })
        }
      })
  }

  private var beside: PageContent.Section {
    var section = PageContent.Section(
      anchor: "beside", heading: "What a context adds",
      intro: [
        "The KV cache holds keys and values of all tokens, as F16; layers with a sliding window keep no more than the window. Activations "
          + "are what is computed on the way, as F32: a few hundred tokens at a time, and attention in pieces."
      ])
    section.tables = [
      Table(
        caption: "By context", columns: [.init("Tokens"), .init("KV cache"), .init("Activations")],
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
        "Each trained weight takes its value and gradient in BF16, and in F32 a copy and the two moments of AdamW. Each layer keeps its "
          + "input and is computed again on the way back. LoRA and QLoRA train small factors beside every linear layer but the head: of "
          + "the model in BF16, or in NF4 with double quantization."
      ])
    section.tables = [
      Table(
        caption: "By method, on \(NumberText.grouped(estimate.context)) tokens a sequence",
        columns: [.init("Method", isNumber: false), .init("Trained weights"), .init("Memory")],
        rows: estimate.trainings.map { training in
          Table.Row(cells: [
            .heading(Self.name(of: training.method, rank: estimate.request.rank)),
            .figure(Figure(training.trained, NumberText.grouped(Int(min(training.trained.rounded(), 9e18))))),
            .figure(Self.bytes(training.total)),
          ])
        })
    ]
    return section
  }
}
