internal import Estimation
internal import Evaluation
internal import JSON

/// How the measurements and the models of a page were made.
enum OriginSection {
  /// How much text they rest on, as a sentence.
  static func extent(_ perplexity: Perplexity, _ origin: MeasurementOrigin?) -> [Table.Part] {
    let text = origin.map { " of \(SafeText.name($0.text.name))" } ?? ""
    return [
      .init(figure: Figure(perplexity.tokens)), .init(text: " tokens\(text) were scored, in the second half of "),
      .init(figure: Figure(perplexity.chunks)), .init(text: perplexity.chunks == 1 ? " window of " : " windows of "),
      .init(figure: Figure(perplexity.contextLength)), .init(text: " tokens."),
    ]
  }

  /// - Parameters:
  ///   - files: the models, with what the page calls them.
  ///   - origins: how each was measured, with the keys of the models.
  static func section(
    files: [(heading: String, file: MeasuredFile)], origins: [(key: String, origin: MeasurementOrigin?)]
  ) -> PageContent.Section {
    var section = PageContent.Section(anchor: "origin", heading: heading)
    section.tables = [measurementTable(origins), textTable(origins), fileTable(files)].filter { !$0.isEmpty }
    section.parts = files.compactMap { heading, file in
      guard let details = file.details, !details.types.isEmpty || details.recipe != nil else { return nil }
      var part = PageContent.Part(heading: heading)
      part.tables = [typeTable(details)].filter { !$0.isEmpty }
      // Of finite numbers there is always a text.
      if let recipe = details.recipe, let text = try? recipe.serialized() {
        part.listings = [.init(heading: "Recipe", text: Self.lines(String(decoding: text, as: UTF8.self)))]
      }
      return part
    }
    return section
  }

  /// How an estimate was made.
  static func section(of origin: EstimateOrigin) -> PageContent.Section {
    var section = PageContent.Section(anchor: "origin", heading: heading)
    section.tables = [
      Table(
        caption: "Estimate",
        columns: [
          .init("Model", isNumber: false), .init("Decant", isNumber: false),
          .init("XXH3-128 of config.json", isNumber: false), .init("Command", isNumber: false),
        ],
        rows: [
          Table.Row(cells: [
            .heading(origin.model), .text(origin.version), .text(origin.configDigest ?? "none"),
            .text(words(origin.command)),
          ])
        ])
    ]
    return section
  }

  private static let heading = "How it was made"

  /// A command as a shell takes it.
  private static func words(_ command: [String]) -> String {
    (["decant"] + command).map(ShellWord.quoted).joined(separator: " ")
  }

  private static func lines(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: true).map { SafeText.name(String($0)) }.joined(
      separator: "\n")
  }

  private static func measurementTable(_ origins: [(key: String, origin: MeasurementOrigin?)]) -> Table {
    Table(
      caption: "Measurements",
      columns: [
        .init("Models", isNumber: false), .init("Decant", isNumber: false), .init("Processor", isNumber: false),
        .init("Cores"), .init("Kernels", isNumber: false), .init("System", isNumber: false),
        .init("Command", isNumber: false),
      ],
      rows: grouped(origins.compactMap { key, origin in origin.map { (key, $0) } }).map { keys, origin in
        Table.Row(cells: [
          .heading(keys.joined(separator: ", ")), .text(origin.version), .text(origin.machine.processor ?? ""),
          .figure(Figure(origin.machine.cores)), .text(origin.machine.kernels), .text(origin.machine.system ?? ""),
          .text(
            words(origin.command)
              + (origin.parts.map { $0 > 1 ? ", the first of \($0) parts" : "" } ?? "")),
        ])
      })
  }

  private static func textTable(_ origins: [(key: String, origin: MeasurementOrigin?)]) -> Table {
    Table(
      caption: "Text",
      columns: [
        .init("Text", isNumber: false), .init("Size"), .init("XXH3-128", isNumber: false),
        .init("XXH3-128 of its windows", isNumber: false),
      ],
      rows: grouped(origins.compactMap { key, origin in origin.map { (key, $0.text) } }).map { _, text in
        Table.Row(cells: [
          .heading(text.name), .figure(.bytes(text.byteCount)), .text(text.digest), .text(text.windowsDigest),
        ])
      })
  }

  private static func fileTable(_ files: [(heading: String, file: MeasuredFile)]) -> Table {
    Table(
      caption: "Models",
      columns: [
        .init("Model", isNumber: false), .init("Container", isNumber: false), .init("Class", isNumber: false),
        .init("Layout", isNumber: false), .init("Made by", isNumber: false), .init("Licence", isNumber: false),
        .init("Base model", isNumber: false), .init("XXH3-128 of the tensors", isNumber: false),
      ],
      rows: files.compactMap { heading, file in
        file.details.map { details in
          Table.Row(cells: [
            .heading(heading), .text(details.container), .text(details.model ?? ""),
            .text(details.layouts.joined(separator: ", ")), .text(details.madeBy.map { "decant \($0)" } ?? ""),
            .text(details.license ?? ""), .text(details.baseModels.joined(separator: ", ")),
            .text(details.digests.joined(separator: ", ")),
          ])
        }
      })
  }

  private static func typeTable(_ details: MeasuredFile.Details) -> Table {
    Table(
      caption: "Types",
      columns: [.init("Type", isNumber: false), .init("Tensors"), .init("Weights"), .init("Size")],
      rows: details.types.map { share in
        Table.Row(cells: [
          .heading(share.type), .figure(Figure(share.tensors)), .figure(Figure(share.weights)),
          .figure(.bytes(share.bytes)),
        ])
      })
  }

  /// Equal ones together, with the keys of all, in the order of the first.
  private static func grouped<Value: Hashable>(_ entries: [(key: String, value: Value)]) -> [(
    keys: [String], value: Value
  )] {
    var groups: [(keys: [String], value: Value)] = []
    var places: [Value: Int] = [:]
    for (key, value) in entries {
      if let place = places[value] {
        groups[place].keys.append(key)
      } else {
        places[value] = groups.count
        groups.append(([key], value))
      }
    }
    return groups
  }
}
