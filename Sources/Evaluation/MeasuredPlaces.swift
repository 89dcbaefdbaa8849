/// How what was measured is distributed over the scored places of a text, and where most was found.
public struct MeasuredPlaces: Hashable, Sendable {
  public let histogram: LogHistogram
  /// The worst first, at most ten.
  public let worst: [MeasuredPlace]

  /// - Parameter values: what was measured at each scored place, in nats.
  init(_ values: [Double], _ worst: WorstPlaces, in text: EvaluationWindows) {
    histogram = LogHistogram(values)
    self.worst = worst.entries.map { MeasuredPlace($0, of: values, in: text) }
  }
}

/// A place where a measurement found much, in tokens: the text around it and what was expected there.
public struct MeasuredPlace: Hashable, Sendable {
  /// A token of the text.
  public struct Token: Hashable, Sendable {
    public let id: Int32
    /// What was measured of its prediction, in nats; nil where it was not scored.
    public let value: Double?
  }

  /// Number of the window in the whole text, from 0.
  public let window: Int
  /// Place in the window of the token that was to be predicted, from 0.
  public let position: Int
  /// What was measured there, in nats.
  public let value: Double
  /// The tokens around it.
  public let passage: [Token]
  /// Which of them was to be predicted.
  public let target: Int
  /// What each model found most likely in its place, the most likely first.
  public let chances: [[TokenChance]]

  /// Tokens of a passage before the place, and after it.
  private static let (before, after) = (40, 8)

  /// - Parameter values: what was measured at each scored place of the text.
  init(_ entry: WorstPlaces.Entry, of values: [Double], in text: EvaluationWindows) {
    let scored = text.positions
    let index = entry.place / scored.count
    window = text.firstNumber + index
    // What stands at a position predicts the token behind it.
    let position = scored.lowerBound + entry.place % scored.count + 1
    self.position = position
    value = entry.value
    chances = entry.chances
    let tokens = text.windows[index]
    let range = max(0, position - Self.before)..<min(tokens.count, position + Self.after + 1)
    let first = index * scored.count - scored.lowerBound - 1
    passage = range.map { place in
      Token(id: tokens[place], value: scored.contains(place - 1) ? values[first + place] : nil)
    }
    target = position - range.lowerBound
  }
}
