internal import Evaluation

/// A passage of the text, each token coloured by what was measured of it.
enum PassageSection {
  /// The passages of each model, the first model's unfolded.
  /// - Parameters:
  ///   - places: of each model what it is called, and its passages, the worst first.
  ///   - models: headings for what each model that was run predicted, by what a model of `places` is called.
  static func parts(
    _ places: [(heading: String, worst: [Passage])], measure: String, models: (_ heading: String) -> [String]
  ) -> [PageContent.Part] {
    places.enumerated().map { number, place in
      var part = PageContent.Part(heading: place.heading, isOpen: number == 0)
      part.passages = PageContent.Group(
        place.worst.map { passage($0, most: place.worst[0].value, measure: measure, models: models(place.heading)) })
      return part
    }
  }

  /// - Parameters:
  ///   - most: the greatest value of all, which has the deepest of five colours; each before it begins at half of the next.
  ///   - models: headings for what each model predicted.
  private static func passage(
    _ passage: Passage, most: Double, measure: String, models: [String]
  ) -> PageContent.PassageContent {
    let tokens = passage.tokens.enumerated().map { number, token in
      let step = token.value.map { value in (1...5).count { value > 0 && value >= most / Double(1 << $0) } } ?? 0
      return PageContent.PassageContent.Token(
        word: word(token.text), style: step == 0 ? "" : "k\(step)", score: token.value.map { .significant($0) },
        isTarget: number == passage.target,
        breaks: token.text.unicodeScalars.filter { $0 == "\n" }.map { _ in "" })
    }
    return PageContent.PassageContent(
      value: .significant(passage.value, 4), window: Figure(passage.window), position: Figure(passage.position),
      tokens: tokens,
      choices: zip(models, passage.choices).map { model, choices in
        Table(
          caption: model, columns: [.init("Token", isNumber: false), .init("Probability")],
          rows: choices.map {
            Table.Row(cells: [.heading(quoted($0.text)), .figure(.percent($0.probability))])
          })
      },
      table: Table(
        caption: "Tokens of the passage", columns: [.init("Token", isNumber: false), .init(measure)],
        rows: passage.tokens.map { token in
          Table.Row(cells: [.heading(quoted(token.text)), .figure(token.value.map { .significant($0) })])
        }))
  }

  /// Line ends can be seen, and stay what they are; what commands a terminal or turns text around is spelled out.
  private static func word(_ text: String) -> String {
    text.replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
      .map { SafeText.name(String($0)) }.joined(separator: "↵")
  }

  /// Spaces can be seen at its ends.
  private static func quoted(_ text: String) -> String { "“" + word(text) + "”" }
}
